"""JSON Schemas of tools: those that follow from their types, and those that they come with."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Annotated, Any
from unittest.mock import ANY

import pytest
from attrs import frozen

from trioflow import StepContext, Tool, Workflow, hookimpl, open_engine, step, tool
from trioflow._signature import description_of
from trioflow.describe import json_schema
from trioflow.errors import DefinitionError, InvalidValueError

ADD = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"$ref": "#/$defs/small"}},
    "required": ["a"],
    "additionalProperties": False,
    "$defs": {"small": {"type": "integer", "maximum": 9}},
}


@frozen
class City:
    name: Annotated[str, "as on maps"]
    near: tuple[City, ...] = ()


class Foreign:
    """A class that only a plugin knows."""


@hookimpl
def trioflow_schema(type_: Any) -> Any:
    if type_ is Foreign:
        tree = {"type": "array", "items": {"$ref": "#"}, "default": [{"$ref": "#"}]}
        named = {"type": "object", "properties": {"default": {"$ref": City}}}
        return {"anyOf": [tree, {"$ref": "#/$defs/own"}], "$defs": {"own": named}}
    return None


PLUGIN = SimpleNamespace(trioflow_schema=trioflow_schema)


async def add(a: int, b: int = 1) -> int:
    return a + b


async def everything(**arguments: Any) -> dict[str, Any]:
    return arguments


async def call(
    called: Tool[..., Any], *args: Any, step_options: Any = None, **arguments: Any
) -> Any:
    @step
    async def calls(value: Any, ctx: StepContext) -> Any:
        return await ctx.call_tool(called, *args, **arguments)

    return await Workflow[Any, Any]("w").then(calls).run(None)


# ---------------------------------------------------------------- from types
def test_parameters_are_the_properties_of_an_object() -> None:
    @tool
    async def book(
        city: Annotated[City, "where to"],
        nights: Annotated[int, "how many"] = 2,
        others: list[City] | None = None,
        ctx: StepContext | None = None,
    ) -> str:
        return city.name

    schema = book.schema
    assert list(schema) == ["type", "properties", "required", "additionalProperties", "$defs"]
    assert schema["properties"] == {
        "city": {"$ref": "#/$defs/City", "description": "where to"},
        "nights": {"type": "integer", "description": "how many", "default": 2},
        "others": {
            "anyOf": [
                {"type": "array", "items": {"$ref": "#/$defs/City"}},
                {"type": "null"},
            ],
            "default": None,
        },
    }
    assert (schema["required"], schema["additionalProperties"]) == (["city"], False)
    assert schema["$defs"]["City"]["properties"]["name"] == {
        "type": "string",
        "description": "as on maps",
    }


def test_a_tool_without_parameters_takes_an_empty_object() -> None:
    @tool
    async def now() -> float:
        return 0.0

    assert now.schema == {"type": "object", "properties": {}, "additionalProperties": False}


@pytest.mark.parametrize(
    ("hint", "text"),
    [
        (int, ""),
        (Annotated[int, "how many"], "how many"),
        (Annotated[int, 5, "how many", "more"], "how many"),
        (Annotated[int, 5], ""),
    ],
)
def test_the_first_string_of_an_annotation_describes(hint: Any, text: str) -> None:
    assert description_of(hint) == text
    assert json_schema(hint) == {"type": "integer"} | ({"description": text} if text else {})


def test_a_plugin_may_refer_to_its_own_root_and_to_types_of_others() -> None:
    @tool
    async def plant(tree: Foreign) -> None: ...

    schema = json_schema(plant, plugins=[PLUGIN])

    tree, own = schema["$defs"]["Foreign"]["anyOf"]
    assert schema["properties"] == {"tree": {"$ref": "#/$defs/Foreign"}}
    assert tree["items"] == {"$ref": "#/$defs/Foreign"}
    assert tree["default"] == [{"$ref": "#"}]  # data, whatever it looks like
    assert own == {"$ref": "#/$defs/Foreign_own"}
    assert schema["$defs"]["Foreign_own"]["properties"]["default"] == {"$ref": "#/$defs/City"}
    alone = json_schema(Foreign, plugins=[PLUGIN])
    assert alone["$ref"] == "#/$defs/Foreign"


async def test_a_body_can_ask_for_schemas_and_structure_with_the_plugins_of_its_engine() -> None:
    @step
    async def asks(value: Any, ctx: StepContext) -> list[Any]:
        with pytest.raises(InvalidValueError) as caught:
            ctx.structure({"name": 5}, City)
        return [
            ctx.json_schema(Foreign)["$ref"],
            ctx.json_schema(tool(add))["required"],
            ctx.structure(value, City),
            ctx.structure(value, Any),
            ctx.to_json([City("Bergen"), ctx, 1.5]),
            [fault.path for fault in caught.value.faults],
        ]

    async with open_engine(plugins=[PLUGIN]) as engine:
        result = await engine.create_run(Workflow("w").then(asks)).start({"name": "Oslo"})

    assert result.unwrap() == [
        "#/$defs/Foreign",
        ["a"],
        City("Oslo"),
        {"name": "Oslo"},
        [{"name": "Bergen", "near": []}, ANY, 1.5],
        ["name"],
    ]


# ---------------------------------------------------------------- from a schema
class TestFromSchema:
    def test_it_keeps_what_it_was_given(self) -> None:
        made = Tool.from_schema("add", everything, ADD, description="Add.", output=dict)

        assert made.schema == json_schema(made) == ADD
        assert (made.id, made.description, made.output) == ("add", "Add.", dict)
        assert [(p.name, p.required) for p in made.parameters] == [("a", True), ("b", False)]
        assert made.clone("plus").schema == ADD

    async def test_arguments_are_checked_and_handed_on_as_they_are(self) -> None:
        made = Tool.from_schema("add", everything, ADD)

        assert await call(made, a=1, b=2) == {"a": 1, "b": 2}
        assert await call(made, 1) == {"a": 1}
        with pytest.raises(InvalidValueError) as caught:
            await call(made, b=12, c=3)
        assert str(caught.value).startswith("arguments of tool 'add' are invalid: ")
        assert {(fault.path, fault.problem) for fault in caught.value.faults} == {
            ("", "'a' is a required property"),
            ("", "Additional properties are not allowed ('c' was unexpected)"),
            ("b", "12 is greater than the maximum of 9"),
        }

    async def test_the_function_may_name_them_and_take_the_context(self) -> None:
        async def fn(a: int, ctx: StepContext, b: int = 7) -> tuple[int, str]:
            return a + b, ctx.step_id

        assert await call(Tool.from_schema("add", fn, ADD), a=1) == (8, "calls")

    async def test_a_plain_function_and_a_generator(self) -> None:
        def plain(**arguments: Any) -> int:
            return len(arguments)

        async def pieces(**arguments: Any) -> AsyncIterator[str]:
            for name in arguments:
                yield name

        assert await call(Tool.from_schema("t", plain, ADD), a=1) == 1
        streaming = Tool.from_schema("t", pieces, ADD)
        assert await call(streaming, a=1, b=2) == ["a", "b"]
        assert streaming.output == list[str]

    async def test_as_a_node_it_takes_the_keys_of_the_value(self) -> None:
        one = {"type": "object", "properties": {"a": {"type": "integer"}}}
        workflow = Workflow[Any, Any]("w").then(Tool.from_schema("t", everything, one))

        assert await workflow.run({"a": 3}) == {"a": 3}

    async def test_a_nested_fault_has_its_path(self) -> None:
        schema = {"type": "object", "properties": {"a": {"type": "array", "items": ADD}}}
        with pytest.raises(InvalidValueError, match=r"a\[1\]\.a: 'x' is not of type 'integer'"):
            await call(Tool.from_schema("t", everything, schema), a=[{"a": 1}, {"a": "x"}])

    @pytest.mark.parametrize("schema", [{"type": "array"}, [], None, "object"])
    def test_what_is_no_schema_of_an_object(self, schema: Any) -> None:
        with pytest.raises(
            DefinitionError, match="tool 't': its schema does not describe an object"
        ):
            Tool.from_schema("t", everything, schema)

    def test_what_is_no_schema(self) -> None:
        with pytest.raises(DefinitionError, match="tool 't': its schema is invalid: 5 is not"):
            Tool.from_schema("t", everything, {"type": "object", "required": 5})

    def test_an_argument_with_the_name_of_the_context(self) -> None:
        async def fn(a: StepContext) -> None: ...

        with pytest.raises(DefinitionError, match="'a' is both its context and an argument"):
            Tool.from_schema("t", fn, ADD)

    def test_without_jsonschema_it_says_what_to_install(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = builtins.__import__

        def missing(name: str, *args: Any, **kwargs: Any) -> Any:
            if name.startswith("jsonschema"):
                raise ImportError(name)
            return real(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", missing)
        with pytest.raises(DefinitionError, match=r"pip install trioflow\[schema\]"):
            Tool.from_schema("t", everything, ADD)

    def test_an_option_that_does_not_exist(self) -> None:
        with pytest.raises(DefinitionError, match="did you mean 'description'"):
            Tool.from_schema("t", everything, ADD, descripton="x")  # type: ignore[call-arg]


async def test_a_body_finds_the_tools_of_the_engine() -> None:
    @tool
    async def double(value: int) -> int:
        return 2 * value

    @step
    async def looks(id: str, ctx: StepContext) -> Any:
        return ctx.find_tool(id)

    async with open_engine(plugins=[], tools=[double]) as engine:
        found = await engine.run(Workflow("w").then(looks), "double")
        missing = await engine.create_run(Workflow("w").then(looks)).start("doble")

    assert found is double
    assert "unknown tool 'doble'; did you mean 'double'?" in str(missing.error)
