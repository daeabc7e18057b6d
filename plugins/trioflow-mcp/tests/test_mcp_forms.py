"""Every schema becomes a form that clients can show, and what is filled in is what was meant."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from trioflow_mcp.serving.forms import PLAIN, form_of

from .test_mcp_properties import JSON, SCHEMAS


@given(SCHEMAS)
def test_a_form_is_an_object_with_plain_properties(schema: dict[str, Any]) -> None:
    form = form_of(schema)

    Draft202012Validator.check_schema(form.schema)
    assert form.schema["type"] == "object"
    assert set(form.schema["required"]) <= form.schema["properties"].keys()
    for shown in form.schema["properties"].values():
        assert shown["type"] in PLAIN
        assert not shown.keys() & {"properties", "items", "anyOf", "$ref", "const"}


@given(JSON)
def test_what_is_no_form_is_json_in_a_string(value: Any) -> None:
    form = form_of({})

    assert form.read({"answer": json.dumps(value)}) == value


@pytest.mark.parametrize(
    ("schema", "content", "answer"),
    [
        ({"type": "boolean"}, {"answer": True}, True),
        ({"const": "yes"}, {"answer": "yes"}, "yes"),
        ({"enum": ["a", "b"]}, {"answer": "a"}, "a"),
        ({"enum": [1, 2]}, {"answer": "1"}, 1),
        ({"type": "array", "items": {}}, {"answer": "[1, 2]"}, [1, 2]),
        ({"type": "object"}, {"answer": '{"a": 1}'}, {"a": 1}),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, {"a": "x"}, {"a": "x"}),
    ],
)
def test_what_is_filled_in_is_the_answer(
    schema: dict[str, Any], content: dict[str, Any], answer: Any
) -> None:
    assert form_of(schema).read(content) == answer


def test_an_optional_property_that_may_be_null_is_left_out_instead() -> None:
    nullable = {"anyOf": [{"type": "string"}, {"type": "null"}], "description": "a note"}
    form = form_of({"type": "object", "properties": {"note": nullable}})

    assert form.schema["properties"] == {"note": {"type": "string", "description": "a note"}}
