"""Whatever signature a tool may have, its schema is valid, and says which arguments it takes."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from typing import Annotated, Any

import attrs
import pytest
import trio
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from trioflow import StepContext, Tool, Workflow, step, tool
from trioflow.errors import DefinitionError, InvalidValueError
from trioflow.testing._converters.bench import Bench
from trioflow.testing._converters.inventing import invented
from trioflow.testing._converters.schemas import Judge
from trioflow.testing.strategies import JSON_SCALARS, TypedValues, json_types

NAMES = ("a", "b", "self", "cls", "args", "kwargs", "ctx", "tool", "input", "id", "type", "Über")
KINDS = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
    inspect.Parameter.KEYWORD_ONLY,
    inspect.Parameter.VAR_KEYWORD,
)
USUAL = (KINDS[1], KINDS[3])
VARIADIC = (KINDS[2], KINDS[4])
BENCH = Bench(None, [], 1)


@attrs.frozen
class Given:
    """One parameter of a tool."""

    name: str
    typed: TypedValues
    kind: Any
    default: tuple[Any, ...]
    """The default, if there is one."""
    about: str

    @property
    def annotation(self) -> Any:
        return Annotated[self.typed.type, self.about] if self.about else self.typed.type


@st.composite
def parameters(draw: st.DrawFn) -> list[Given]:
    """Draw the parameters of a tool; most are such as tools may have."""
    kinds = st.sampled_from(KINDS if draw(st.integers(0, 9)) == 0 else USUAL)
    types = st.sampled_from(JSON_SCALARS) | json_types()
    found = []
    for name in draw(st.lists(st.sampled_from(NAMES), unique=True, max_size=4)):
        typed = draw(types)
        kind, default = draw(kinds), draw(st.just(()) | st.tuples(typed.values))
        if kind in VARIADIC:
            default = ()
        found.append(Given(name, typed, kind, default, draw(st.sampled_from(["", "x: y"]))))
    # In the order that Python wants: defaults last among those that are given by position.
    found.sort(key=lambda each: (each.kind, bool(each.default)))
    return found


def tool_of(
    given: list[Given], received: list[Any], place: int | None, style: str
) -> Tool[..., Any]:
    """Return a tool with these parameters, and a context if there is a place for it.

    Raises:
      DefinitionError: if it may not have them.
    """

    def make() -> Callable[..., Any]:
        def plain(*args: Any, **kwargs: Any) -> None:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            received.append({name: bound.arguments[name] for name in wanted})

        async def one(*args: Any, **kwargs: Any) -> None:
            plain(*args, **kwargs)

        async def pieces(*args: Any, **kwargs: Any) -> Any:
            plain(*args, **kwargs)
            yield 1

        return {"async": one, "generator": pieces}[style]

    wanted = [each.name for each in given]
    empty = inspect.Parameter.empty
    listed = [
        inspect.Parameter(
            each.name,
            each.kind,
            default=each.default[0] if each.default else empty,
            annotation=each.annotation,
        )
        for each in given
    ]
    if place is not None:
        about = {"default": None, "annotation": StepContext | None}
        listed.insert(place, inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, **about))
        listed.sort(key=lambda each: each.kind)
    try:
        signature = inspect.Signature(listed, return_annotation=Any)
    except ValueError:
        assume(False)
    fn: Any = make()
    fn.__signature__ = signature
    fn.__annotations__ = {each.name: each.annotation for each in listed}
    return tool(id="t")(fn)


def call(made: Tool[..., Any], arguments: dict[str, Any]) -> None:
    """Call a tool in a run, as an agent does."""

    @step
    async def calls(value: Any, ctx: StepContext) -> Any:
        return await ctx.call_tool(made, **arguments)

    async def run() -> None:
        (await Workflow("w", output=Any).then(calls).create_run().start(None)).unwrap()

    trio.run(run)


@pytest.mark.slow
@settings(deadline=None, max_examples=25)
@given(
    st.data(), parameters(), st.sampled_from([None, 0, 2]), st.sampled_from(["async", "generator"])
)
def test_a_schema_is_valid_and_its_arguments_reach_the_tool(
    data: st.DataObject, given: list[Given], place: int | None, style: str
) -> None:
    received: list[Any] = []
    try:
        made = tool_of(given, received, place, style)
    except DefinitionError:
        return  # it is no tool
    schema = json.loads(json.dumps(made.schema, allow_nan=False))
    Draft202012Validator.check_schema(schema)
    assert list(schema["properties"]) == [each.name for each in given]

    values = {
        each.name: data.draw(each.typed.values)
        for each in given
        if not each.default or data.draw(st.booleans())
    }
    written = {name: BENCH.write(value) for name, value in values.items()}
    verdict = Judge(schema)(written)
    assert verdict.is_valid, verdict.problem
    call(made, written)
    defaults = {each.name: each.default[0] for each in given if each.default}
    assert {name: BENCH.write(value) for name, value in received[-1].items()} == {
        name: BENCH.write(value) for name, value in {**defaults, **values}.items()
    }

    other = data.draw(invented(schema).filter(lambda each: isinstance(each, dict)))
    verdict = Judge(schema)(other)
    try:
        call(made, other)
    except InvalidValueError:
        assert not verdict.is_valid or verdict.undecided, other
    else:
        assert verdict.is_valid, verdict.problem
