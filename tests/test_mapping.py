"""Mappings: where values come from, what paths lead to, and what is refused while building."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from tests.flows import add_one, double, gives
from trioflow import RunContext, Workflow, constant, from_context, from_input, from_step, tool
from trioflow._engine.running.user_functions import as_text
from trioflow.errors import DefinitionError, MappingError
from trioflow.mapping import (
    Constant,
    FromContext,
    FromInput,
    FromStep,
    Template,
    follow,
    parse_template,
)


@frozen
class City:
    name: str
    _secret: int = 0

    @property
    def initial(self) -> str:
        return self.name[0]

    @property
    def broken(self) -> str:
        raise KeyError("inside of the property")

    def upper(self) -> str:
        return self.name.upper()


@dataclass
class Trip:
    cities: list[City]


class Point(NamedTuple):
    x: int
    y: int


class Color(enum.StrEnum):
    RED = "red"


@tool
async def words(text: str) -> AsyncIterator[str]:
    yield text


TREES = st.recursive(
    st.integers(),
    lambda inner: st.dictionaries(st.sampled_from(["a", "b", "a.b", "b.a.b"]), inner, max_size=3),
    max_leaves=8,
)


def refusal(build: Any) -> str:
    with pytest.raises(DefinitionError) as caught:
        build(Workflow("w").then(add_one).parallel(gives(1, "files.list"), double))
    return str(caught.value)


async def mapped(spec: dict[str, Any], data: Any = None, **options: Any) -> Any:
    """Return what a mapping builds from *data*, behind some steps."""
    workflow = (
        Workflow("w")
        .then(gives({"a": {"b": [7, 8]}}, "deep"))
        .branch((lambda data: False, gives(1, "never")))
        .then(gives({"size": 3}, "files.list"))
        .map(lambda _, ctx: ctx.init_data)
        .map(spec)
    )
    return await workflow.run(data, **options)


async def problem_of(source: Any, data: Any = None, **options: Any) -> MappingError:
    with pytest.raises(MappingError) as caught:
        await mapped({"x": source}, data, **options)
    error: MappingError = caught.value
    return error


class TestPaths:
    DATA = MappingProxyType(
        {
            "city": City("Oslo"),
            "trip": Trip([City("Rome"), City("Bonn")]),
            "point": Point(1, 2),
            "list": [[1, 2], (3, 4)],
            "a.b": {"c": 5, "d.e": 6},
            "a": {"x": 1},
            "none": None,
        }
    )

    @pytest.mark.parametrize(
        ("path", "found"),
        [
            ("city.name", "Oslo"),
            ("city.initial", "O"),
            ("trip.cities.1.name", "Bonn"),
            ("point.y", 2),
            ("point.0", 1),
            ("list.0.1", 2),
            ("list.1.0", 3),
            ("a.x", 1),
            ("a.b.c", 5),
            ("a.b.d.e", 6),
            ("none", None),
        ],
    )
    def test_keys_attributes_and_positions(self, path: str, found: Any) -> None:
        assert follow(self.DATA, path, "data") == found

    def test_a_dot_is_the_whole(self) -> None:
        assert follow(self.DATA, ".", "data") is self.DATA

    @pytest.mark.parametrize(
        ("path", "problem"),
        [
            ("town", "mappingproxy has no 'town'"),
            ("city.size", "City has no 'size'"),
            ("city.upper", "City has no 'upper'"),
            ("city._secret", "City has no '_secret'"),
            ("city.name.upper", "str has no 'upper'"),
            ("city.name.0", "str has no '0'"),
            ("list.2", "list has no '2'"),
            ("list.-1", "list has no '-1'"),
            ("list.append", "list has no 'append'"),
            ("none.x", "NoneType has no 'x'"),
            ("a.b.z", "dict has no 'z'"),
            ("a.b.d.z", "dict has no 'd'"),
        ],
    )
    def test_what_leads_nowhere_says_where_it_ends(self, path: str, problem: str) -> None:
        with pytest.raises(MappingError) as caught:
            follow(self.DATA, path, "step 'a'")

        assert (caught.value.source, caught.value.path) == ("step 'a'", path)
        assert caught.value.problem == problem

    def test_what_a_property_raises_is_not_a_missing_key(self) -> None:
        with pytest.raises(KeyError, match="inside of the property"):
            follow(City("Oslo"), "broken", "data")

    @given(TREES)
    def test_everything_in_a_tree_is_found_at_its_path(self, tree: Any) -> None:
        def parts(node: Any, path: str) -> Iterator[tuple[str, Any]]:
            yield path or ".", node
            if isinstance(node, dict):
                for key, inner in node.items():
                    yield from parts(inner, f"{path}.{key}" if path else key)

        found: dict[str, list[Any]] = {}
        for path, part in parts(tree, ""):
            found.setdefault(path, []).append(part)

        for path, candidates in found.items():
            # Keys with dots can give two parts the same path; one of them is found.
            assert any(follow(tree, path, "data") is part for part in candidates)


class TestSources:
    async def test_each_kind_finds_its_value(self) -> None:
        async def later(data: Any, ctx: RunContext[Any]) -> str:
            return f"{data['a']} of {ctx.workflow_id}"

        built = await mapped(
            {
                "step": from_step("deep", "a.b.1"),
                "first that ran": from_step(["never", "files.list"], "size"),
                "whole": from_step(gives(1, "files.list")),
                "input": from_input("a"),
                "whole input": from_input(),
                "context": from_context("tenant"),
                "context by dots": from_context("user.name"),
                "value": constant("${data}"),
                "function": lambda data: data["a"] + 1,
                "async function": later,
                "template": "${data.a} for ${context.tenant}: ${steps.files.list.size}",
            },
            {"a": 1},
            runtime_context={"tenant": "me", "user": {"name": "you"}},
        )

        assert built == {
            "step": 8,
            "first that ran": 3,
            "whole": {"size": 3},
            "input": 1,
            "whole input": {"a": 1},
            "context": "me",
            "context by dots": "you",
            "value": "${data}",
            "function": 2,
            "async function": "1 of w",
            "template": "1 for me: 3",
        }

    async def test_an_empty_mapping_builds_an_empty_object(self) -> None:
        assert await mapped({}) == {}

    async def test_a_later_result_of_a_step_replaces_an_earlier_one(self) -> None:
        workflow = Workflow("w").then(add_one).then(add_one).map({"x": from_step(add_one)})

        assert await workflow.run(1) == {"x": 3}

    async def test_ids_with_dots_are_found_in_the_output_of_a_parallel(self) -> None:
        workflow = (
            Workflow("w")
            .parallel(gives({"size": 3}, "files.list"), gives(1, "files"))
            .map(
                {"size": "${data.files.list.size}", "whole": from_input(), "files": "${data.files}"}
            )
        )

        assert await workflow.run("in") == {"size": "3", "whole": "in", "files": "1"}

    async def test_the_longest_id_of_a_step_is_meant_in_a_template(self) -> None:
        workflow = (
            Workflow("w")
            .then(gives({"b": "short"}, "a"))
            .then(gives("long", "a.b"))
            .map({"x": "${steps.a.b}", "y": from_step("a", "b")})
        )

        assert await workflow.run() == {"x": "long", "y": "short"}

    async def test_the_state_is_a_source_of_templates(self) -> None:
        workflow = Workflow("w", state=City).map({"x": "${state.name}", "y": "${input}"})

        assert await workflow.run("in", initial_state=City("Oslo")) == {"x": "Oslo", "y": "in"}

    async def test_tools_and_workflows_are_steps_to_read_from(self) -> None:
        inner = Workflow("inner").map(lambda data: {"n": 1})
        workflow = (
            Workflow("w")
            .then(words)
            .then(inner)
            .map({"tool": from_step(words, "0"), "inner": from_step(inner, "n")})
        )

        assert await workflow.run("a") == {"tool": "a", "inner": 1}


class TestFailures:
    """A mapping that leads nowhere fails like a step, and says what it looked for."""

    async def test_a_step_that_did_not_run(self) -> None:
        assert str(await problem_of(from_step("never", "x"))) == (
            "mapping: no 'x' in step 'never': it has not ended with success; "
            "use a function as the source to supply a fallback"
        )
        assert str(await problem_of("${steps.never.x}")).startswith(
            "mapping: no 'never.x' in steps: no such step has ended with success"
        )

    async def test_a_path_into_each_source(self) -> None:
        sources = {
            "step 'deep'": from_step("deep", "a.z"),
            "input": from_input("z"),
            "context": from_context("z"),
        }
        for source, wanted in sources.items():
            assert (await problem_of(wanted, {})).source == source
        for root in ("data", "input", "context", "state"):
            assert (await problem_of(f"${{{root}.z}}", {})).source == root


class TestTemplates:
    def test_texts_and_placeholders(self) -> None:
        assert parse_template("", "here") == Template(())
        assert parse_template("a $ b {c}", "here") == Template(("a $ b {c}",))
        assert parse_template("${data}", "here") == Template((("data", "."),))
        assert parse_template("a ${ input.x.0 }${steps.a.b}!", "here") == Template(
            ("a ", ("input", "x.0"), ("steps", "a.b"), "!")
        )

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("${}", "template '${}' uses ${}; start it with one of data, input, steps.<id>,"),
            ("${dta.x}", "template '${dta.x}' uses ${dta.x}; start it with one of data,"),
            ("${steps}", "template '${steps}' uses ${steps}; start it with one of data,"),
            ("${steps.}", "uses ${steps.}; start it with one of"),
            (
                "${data.x",
                "template '${data.x' has an unclosed '${'; close it with '}', or use constant()",
            ),
            ("${data.x} ${", "has an unclosed '${'"),
            ("${data.{x}}", "has an unclosed '${'"),
            ("${data..x}", "here, ${data..x}: '.x' is not a path"),
            ("${data.}", "here, ${data.}: '' is not a path"),
            ("${data.x.}", "here, ${data.x.}: 'x.' is not a path"),
        ],
    )
    def test_what_is_refused(self, text: str, problem: str) -> None:
        with pytest.raises(DefinitionError) as caught:
            parse_template(text, "here")

        assert str(caught.value).startswith("here")
        assert problem in str(caught.value)

    @pytest.mark.parametrize(
        ("shown", "text"),
        [
            ("a text", "a text"),
            (None, ""),
            (True, "true"),
            (1.5, "1.5"),
            ([1, "é", None], '[1,"é",null]'),
            ((1, 2), "[1,2]"),
            ({"a": {"b": 1}}, '{"a":{"b":1}}'),
            (City("Oslo"), '{"name":"Oslo","_secret":0}'),
            (Trip([City("Rome")]), '{"cities":[{"name":"Rome","_secret":0}]}'),
            (MappingProxyType({"a": MappingProxyType({})}), '{"a":{}}'),
            (date(2030, 1, 2), "2030-01-02"),
            ([date(2030, 1, 2)], '["2030-01-02"]'),
            (Path("a") / "b", str(Path("a") / "b")),
            (Color.RED, "red"),
            (b"raw", "b'raw'"),
        ],
    )
    def test_how_values_are_shown(self, shown: Any, text: str) -> None:
        assert as_text(shown) == text


class TestRefusals:
    def test_reading_a_step_that_is_not_before(self) -> None:
        known = "earlier steps: add_one, double, files.list"

        for source in (from_step("later"), from_step([add_one, "later"]), "${steps.later.x}"):
            problem = refusal(lambda w, source=source: w.map({"x": source}).then("later"))
            assert problem.startswith("workflow 'w': mapping of 'x' reads step 'later")
            assert problem.endswith(f"which is not an earlier step; {known}")
        with pytest.raises(DefinitionError, match="earlier steps: none"):
            Workflow("w").map({"x": from_step("later")})

    def test_an_id_is_not_the_beginning_of_another(self) -> None:
        assert "reads step 'files'" in refusal(lambda w: w.map({"x": from_step("files", "list")}))
        assert "reads step 'file'" in refusal(lambda w: w.map({"x": "${steps.file}"}))
        assert "reads step 'files.lists'" in refusal(lambda w: w.map({"x": "${steps.files.lists}"}))

    def test_reading_a_step_of_the_workflow_around_it(self) -> None:
        with pytest.raises(
            DefinitionError, match="reads step 'add_one', which is not an earlier step"
        ):
            Workflow("w").then(add_one).then(Workflow("x").map({"a": from_step(add_one)}))

    def test_steps_before_can_be_read_from_every_kind_of_node(self) -> None:
        workflow = (
            Workflow("w")
            .branch((lambda data: True, gives(1, "arm")))
            .foreach(gives(1, "item"))
            .dountil(gives(1, "round"), lambda data: True)
            .map(str, id="named")
            .sleep(1, id="nap")
            .wait_for_event("go", gives(1, "waiter"))
        )
        ids = ("arm", "item", "round", "named", "nap", "waiter")

        workflow.map({id: from_step(id) for id in ids}).map({id: f"${{steps.{id}}}" for id in ids})

    @pytest.mark.parametrize("step", [5, None, [], [add_one, 5], str])
    def test_what_is_no_step(self, step: Any) -> None:
        with pytest.raises(DefinitionError) as caught:
            from_step(step)

        assert str(caught.value) == (
            f"from_step(): {step!r} is not a step; pass a step, or the id of one"
        )

    @pytest.mark.parametrize("path", ["", "a..b", ".a", "a.", 5, None])
    def test_what_is_no_path(self, path: Any) -> None:
        for source in (lambda: from_step("a", path), lambda: from_input(path)):
            with pytest.raises(DefinitionError, match="is not a path; write"):
                source()
        with pytest.raises(DefinitionError, match=r"from_context\(\): "):
            from_context(path)

    def test_what_is_no_source(self) -> None:
        for wrong in (5, None, add_one, ["a"]):
            problem = f"source of 'x' is {wrong!r}; give it a function of (data) or (data, ctx)"
            assert problem in refusal(lambda w, wrong=wrong: w.map({"x": wrong}))

    def test_a_bad_template_names_workflow_and_key(self) -> None:
        assert refusal(lambda w: w.map({"x": "${dta}"})).startswith(
            "workflow 'w', mapping of 'x': template '${dta}' uses ${dta}"
        )


def test_sources_are_values() -> None:
    assert from_step(add_one) == from_step("add_one") == FromStep(("add_one",), ".")
    assert from_step((add_one, "b"), "x.y") == FromStep(("add_one", "b"), "x.y")
    assert from_input("x") == FromInput("x")
    assert from_context("x") == FromContext("x")
    assert constant([1]) == Constant([1])
