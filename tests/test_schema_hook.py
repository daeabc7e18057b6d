"""Schemas that plugins give for their own types, and how they fit into the schemas around them."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from attrs import frozen
from cattrs import Converter

from trioflow import hookimpl, open_engine
from trioflow.describe import json_schema
from trioflow.errors import PluginHookError


class Money:
    pass


class Tree:
    pass


@frozen
class Place:
    name: str


@frozen
class Bill:
    total: Money
    tip: Money | None
    at: Place


PLACE = json_schema(Place)


class Knows:
    """A plugin that has a schema for some types, and remembers what it was asked for."""

    def __init__(self, schemas: Mapping[Any, Any]) -> None:
        self.schemas = schemas
        self.asked: list[Any] = []

    @hookimpl
    def trioflow_schema(self, type_: Any) -> Any:
        self.asked.append(type_)
        return self.schemas.get(type_)


def describe(type_: Any, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    return json_schema(type_, plugins=[Knows(schemas)])


def test_a_plugin_describes_its_types() -> None:
    assert describe(Money, {Money: {"type": "string"}}) == {"type": "string"}


def test_a_type_is_asked_for_once_and_referred_to() -> None:
    plugin = Knows({Money: {"type": "string"}})
    schema = json_schema(Bill, plugins=[plugin])

    assert plugin.asked == [Money]
    assert schema["properties"]["total"] == {"$ref": "#/$defs/Money"}
    assert schema["$defs"] == {"Money": {"type": "string"}, "Place": PLACE}


def test_of_a_class_that_no_plugin_knows_only_instances_fit() -> None:
    assert describe(Money, {}) == {"not": {}}


class ReadsMoney:
    @hookimpl
    def trioflow_converter(self, converter: Converter) -> None:
        converter.register_structure_hook(Money, lambda value, _: Money())


def test_a_class_that_a_plugin_reads_without_describing_it_allows_everything() -> None:
    assert json_schema(Money, plugins=[ReadsMoney()]) == {}
    assert json_schema(Tree, plugins=[ReadsMoney()]) == {"not": {}}


def test_types_of_others_inside_are_described_by_them() -> None:
    schema = describe(
        list[Money | Place],
        {Money: {"properties": {"at": {"$ref": Place, "description": "where"}}}},
    )

    assert schema["$defs"] == {
        "Money": {"properties": {"at": {"$ref": "#/$defs/Place", "description": "where"}}},
        "Place": PLACE,
    }


def test_types_that_are_no_classes_can_stand_inside_as_well() -> None:
    schema = describe(Money, {Money: {"items": {"$ref": list[int | None]}}})

    integer_or_null = {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    assert schema == {"items": {"type": "array", "items": integer_or_null}}


def test_a_type_may_contain_itself() -> None:
    schema = describe(Tree, {Tree: {"type": "array", "items": {"$ref": Tree}}})

    assert schema == {
        "$ref": "#/$defs/Tree",
        "$defs": {"Tree": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}},
    }


def test_types_of_one_name_are_kept_apart() -> None:
    other = type("Money", (), {"__module__": __name__})
    third = type("Money", (), {"__module__": __name__})
    schemas = {Money: {"const": 1}, other: {"const": 2}, third: {"const": 3}}
    schema = describe(tuple[Money, other, third], schemas)  # type: ignore[valid-type]

    arms = [arm["$ref"].removeprefix("#/$defs/") for arm in schema["prefixItems"]]
    assert [schema["$defs"][arm] for arm in arms] == list(schemas.values())


def test_definitions_of_a_plugin_do_not_hide_others() -> None:
    own = {"$defs": {"Place": {"type": "null"}}, "items": {"$ref": "#/$defs/Place"}}
    schema = describe(list[Place | Money], {Money: own})

    assert schema["$defs"]["Place"] == PLACE
    [key] = schema["$defs"].keys() - {"Place", "Money"}
    assert schema["$defs"]["Money"] == {"items": {"$ref": f"#/$defs/{key}"}}
    assert schema["$defs"][key] == {"type": "null"}


def test_a_property_may_have_the_name_of_a_reference() -> None:
    schema = {"properties": {"$ref": {"type": "integer"}, "next": {"$ref": int}}}

    assert describe(Money, {Money: schema}) == {
        "properties": {"$ref": {"type": "integer"}, "next": {"type": "integer"}}
    }


def test_what_is_no_schema_is_refused_by_name() -> None:
    plugin = SimpleNamespace(trioflow_schema=hookimpl(specname="trioflow_schema")(lambda type_: 1))

    with pytest.raises(PluginHookError, match="trioflow_schema returned 1, which is not a Mapping"):
        json_schema(Money, plugins=[plugin])


async def test_an_engine_asks_its_own_plugins() -> None:
    async with open_engine(plugins=[Knows({Money: {"type": "string"}})]) as engine:
        assert engine.json_schema(Money) == {"type": "string"}
    async with open_engine(plugins=[]) as engine:
        assert engine.json_schema(Money) == {"not": {}}
