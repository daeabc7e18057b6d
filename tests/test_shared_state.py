"""The state that steps share: how it begins, and what may be set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from dataclasses import field as dataclass_field
from typing import Any, ClassVar, Generic, NotRequired, TypedDict, TypeVar

import attrs
import pytest
import trio
from attrs import frozen
from trio.testing import MockClock

from trioflow import StepContext, Workflow, step
from trioflow._values.structure import type_name
from trioflow.errors import DefinitionError, InvalidValueError

T = TypeVar("T")


@frozen
class City:
    name: str


@frozen
class Box(Generic[T]):
    item: T


@frozen
class Progress:
    done: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    city: City | None = None
    _token: str = ""
    made: float = attrs.field(init=False, default=1.0)


@dataclass
class Tally:
    count: int = 0
    names: list[str] = dataclass_field(default_factory=list)
    made: int = dataclass_field(init=False, default=1)
    seed: InitVar[int] = 0


class Notes(TypedDict):
    text: NotRequired[str]


async def after(type_: Any, updates: dict[str, Any], initial: Any = None, **options: Any) -> Any:
    """Return the state after a step has set *updates*, or what the step failed with."""

    @step
    async def use(value: Any, ctx: StepContext) -> None:
        ctx.set_state(updates)

    run = Workflow("w", state=type_, **options).then(use).create_run()
    result = await run.start(None, initial_state=initial)
    return str(result.error) if result.error else result.state


async def test_an_update_replaces_keys() -> None:
    made = await after(Progress, {"done": 1, "city": {"name": "Oslo"}, "_token": "t"})

    assert made == Progress(1, City("Oslo"), "t")
    assert await after(Tally, {"count": 2}) == Tally(2)
    assert await after(Notes, {"text": "a"}) == {"text": "a"}
    assert await after(dict[str, int], {"a": 1}, {"b": 2}) == {"a": 1, "b": 2}
    assert await after(dict, {"a": 1}) == {"a": 1}
    assert await after(Any, {"a": 1}) == {"a": 1}
    assert await after(Mapping[str, Any], {"a": 1}) == {"a": 1}
    assert await after(Notes | dict[str, int], {"a": 1}) == {"a": 1}


async def test_a_generic_class_is_a_state() -> None:
    assert await after(Box[Any], {"item": 1}, {"item": 0}) == Box(1)


@pytest.mark.parametrize("type_", [Progress, Tally])
async def test_unknown_and_wrong_keys_are_told(type_: Any) -> None:
    assert await after(type_, {"dne": 1}) == "state of workflow 'w' is invalid: dne: unknown key"
    assert "made: unknown key" in await after(type_, {"made": 2})


async def test_values_are_checked() -> None:
    assert await after(Progress, {"done": "1", "city": {"nme": 1}, "x": 1}) == (
        "state of workflow 'w' is invalid: done: expected int, received str; "
        "city.name: required key is missing; city.nme: unknown key; x: unknown key"
    )
    assert await after(dict[str, int], {"a": "b"}) == (
        "state of workflow 'w' is invalid: a: expected int, received str"
    )
    assert "text: expected str" in await after(Notes, {"text": 1})


async def test_what_the_class_itself_refuses_fails_the_step() -> None:
    assert await after(Progress, {"done": -1}) == (
        "state of step 'use' is invalid: value: 'done' must be >= 0: -1"
    )
    assert "unexpected keyword" in await after(Any, {"x": 1}, Progress())
    assert "state of step 'use' is invalid" in await after(Any, {"x": 1}, [1])


@frozen
class Range:
    low: int = 0
    high: int = 10

    def __attrs_post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError("low is above high")


@step
async def narrow(updates: dict[str, int], ctx: StepContext) -> None:
    """Set bounds, each at its own time, but so that all are set before the first ends."""
    ctx.set_state(updates)
    await trio.sleep(next(iter(updates.values())))


class TestWhatTheClassRefusesOnlyInTheEnd:
    """Two steps may each set what the state takes, but not together."""

    async def test_fails_the_step_that_ends_last(self, autojump_clock: MockClock) -> None:
        low = Workflow("low").map(lambda data: {"low": 8}).then(narrow)
        high = Workflow("high").map(lambda data: {"high": 5}).then(narrow)
        both = Workflow("w", state=Range).parallel(low, high, on_error="finish")

        result = await both.create_run().start()

        assert result.state == Range(high=5)
        assert result.steps["high.narrow"].status == "success"
        assert str(result.steps["low.narrow"].error) == (
            "state of step 'low.narrow' is invalid: value: low is above high"
        )

    async def test_fails_the_item_that_ends_last(self, autojump_clock: MockClock) -> None:
        items = Workflow("w", state=Range).foreach(narrow, concurrency=2)

        result = await items.create_run().start([{"low": 8}, {"high": 5}])

        assert result.state == Range(high=5)
        assert str(result.error) == "state of step 'narrow' is invalid: value: low is above high"


async def test_each_run_begins_with_defaults_of_its_own() -> None:
    @step
    async def use(value: Any, ctx: StepContext[Tally]) -> int:
        ctx.state.names.append("a")  # nobody should, but it must not reach other runs
        return len(ctx.state.names)

    workflow = Workflow("w", state=Tally).then(use)

    assert [await workflow.run() for _ in range(2)] == [1, 1]


async def test_the_initial_state_is_structured() -> None:
    given = Progress(3)

    assert await after(Progress, {}, {"done": 3}) == given
    assert await after(Progress, {}, given) is given
    with pytest.raises(InvalidValueError, match="initial state of workflow 'w' is inv"):
        await after(Progress, {}, {"dne": 3})
    with pytest.raises(InvalidValueError, match="name: required key is missing"):
        await after(City, {})


async def test_without_validation_defaults_still_apply() -> None:
    assert await after(Progress, {"done": 1}, validate=False) == Progress(1)
    assert await after(Progress, {"done": "1"}, {}, validate=False) == {"done": "1"}


@pytest.mark.parametrize("type_", [int, list[int], type[int]])
def test_a_type_without_keys_is_no_state(type_: Any) -> None:
    with pytest.raises(DefinitionError) as caught:
        Workflow("w", state=type_).create_run()

    assert str(caught.value) == (
        f"workflow 'w': its state is of type {type_name(type_)}; "
        "use an attrs class, a dataclass, a TypedDict or a dict"
    )


class Settings:
    """A class of a library that neither attrs nor dataclasses know, such as a model's."""

    shared: ClassVar[int] = 0
    size: int

    def __init__(self, size: int) -> None:
        self.size = size

    def __replace__(self, **changes: Any) -> Settings:
        return Settings(**changes)


async def test_what_can_be_replaced_like_a_dataclass_is_a_state() -> None:
    state = await after(Settings, {"size": 2}, Settings(1))

    assert (type(state), state.size) == (Settings, 2)


@pytest.mark.parametrize("key", ["shared", "other"])
async def test_only_its_fields_can_be_set(key: str) -> None:
    assert f"{key}: unknown key" in await after(Settings, {key: 1}, Settings(1))


# ---------------------------------------------------------------- the type that a step declares
class Part(TypedDict):
    count: int


async def after_step(declared: Any, updates: dict[str, Any], state: Any = Any) -> Any:
    """Return what a step that declares a type of the state fails with, or the state after it."""

    @step(state=declared)
    async def use(value: Any, ctx: StepContext) -> None:
        ctx.set_state(updates)

    initial: Any = {} if state is Any else None
    run = Workflow("w", state=state).then(use).create_run()
    async with run.stream(1, initial_state=initial) as stream:
        result = await stream.get_workflow_state()
    assert (result.status, result.steps["use"].status) in (
        ("failed", "failed"),
        ("success", "success"),
    )
    return result.error or result.state


@pytest.mark.parametrize("state", [Any, Tally], ids=["undeclared", "subclass"])
@pytest.mark.parametrize(
    ("updates", "fault"), [({"count": "x"}, "count"), ({"counts": 1}, "counts")]
)
async def test_an_update_fits_the_type_that_the_step_declares(
    state: Any, updates: dict[str, Any], fault: str
) -> None:
    declared = Part if state is Any else Tally
    error = await after_step(declared, updates, state)

    assert isinstance(error, InvalidValueError)
    assert [found.path for found in error.faults] == [fault]
    assert fault in str(error)


async def test_the_fault_is_told_of_the_step() -> None:
    error = await after_step(Part, {"count": "x"})

    assert "step 'use'" in str(error)


@pytest.mark.parametrize(
    ("declared", "updates", "after"),
    [
        (Part, {"count": 1}, {"count": 1}),
        (dict[str, int], {"any": 1}, {"any": 1}),
        (dict, {"any": "x"}, {"any": "x"}),
        (Any, {"any": "x"}, {"any": "x"}),
        (None, {"any": "x"}, {"any": "x"}),
    ],
)
async def test_an_update_that_fits_is_made(declared: Any, updates: Any, after: Any) -> None:
    assert await after_step(declared, updates) == after


async def test_a_mapping_of_a_type_is_checked() -> None:
    error = await after_step(dict[str, int], {"any": "x"})

    assert [found.path for found in error.faults] == ["any"]


async def test_a_step_may_declare_some_keys_of_a_typed_dict() -> None:
    class Whole(TypedDict, total=False):
        count: int
        text: str

    assert await after_step(Part, {"count": 2}, Whole) == {"count": 2}
    error = await after_step(Part, {"text": "mine"}, Whole)
    assert [found.path for found in error.faults] == ["text"]


async def test_a_step_cannot_declare_keys_that_the_state_lacks() -> None:
    with pytest.raises(DefinitionError, match="state of type Part"):
        await after_step(Part, {"count": 1}, Notes)


async def test_the_base_of_a_state_names_what_may_be_set() -> None:
    @frozen
    class Base:
        count: int = 0

    @frozen
    class Derived(Base):
        text: str = ""

    assert await after_step(Base, {"count": 1}, Derived) == Derived(1)
    error = await after_step(Base, {"text": "x"}, Derived)
    assert [found.path for found in error.faults] == ["text"]
