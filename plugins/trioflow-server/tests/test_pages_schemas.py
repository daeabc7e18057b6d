"""Forms of all kinds of JSON Schemas: what is filled in is what is read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trioflow_server.pages.forms.form import Form, pointer_of

from trioflow.context import MISSING

KEYS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), max_size=12)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=4,
)
Sample = tuple[dict[str, Any], Any]
"""A schema, and a value that fits it."""


def plain() -> st.SearchStrategy[Sample]:
    """Return schemas of plain values with a value."""
    numbers = st.floats(allow_nan=False, allow_infinity=False)
    return st.one_of(
        st.tuples(st.just({"type": "string"}), TEXTS),
        st.tuples(st.just({"type": "integer"}), st.integers()),
        st.tuples(st.just({"type": "number"}), numbers),
        st.tuples(st.just({"type": "boolean"}), st.booleans()),
        st.tuples(st.just({"type": "null"}), st.none()),
        st.tuples(st.just({"type": ["string", "null"]}), TEXTS | st.none()),
        st.tuples(st.just({}), JSON.filter(lambda value: value is not None)),
        st.tuples(st.just({"type": "object"}), st.dictionaries(KEYS, JSON, max_size=3)),
        JSON.map(lambda value: ({"const": value}, value)),
        st.lists(TEXTS | st.integers(), min_size=1, max_size=4, unique_by=repr).flatmap(
            lambda values: st.tuples(st.just({"enum": values}), st.sampled_from(values))
        ),
    )


def compound(inner: st.SearchStrategy[Sample]) -> st.SearchStrategy[Sample]:
    """Return schemas with others inside."""
    return st.one_of(
        st.dictionaries(KEYS, st.tuples(inner, st.booleans()), max_size=4).map(as_object),
        st.lists(inner, max_size=3).map(as_row),
        st.tuples(inner, st.integers(0, 3)).map(
            lambda pair: ({"type": "array", "items": pair[0][0]}, [pair[0][1]] * pair[1])
        ),
    )


def as_object(parts: dict[str, tuple[Sample, bool]]) -> Sample:
    needed = [key for key, (_, is_needed) in parts.items() if is_needed]
    schema = {
        "type": "object",
        "properties": {key: sample[0] for key, (sample, _) in parts.items()},
        "required": needed,
        "additionalProperties": False,
    }
    return schema, {key: parts[key][0][1] for key in needed}


def as_row(parts: list[Sample]) -> Sample:
    schema = {"type": "array", "prefixItems": [schema for schema, _ in parts]}
    return schema, [value for _, value in parts]


SAMPLES = st.recursive(plain(), compound, max_leaves=4)


@given(SAMPLES)
def test_a_form_reads_what_it_was_filled_with(sample: Sample) -> None:
    schema, value = sample

    form = Form.of_value(schema, value)
    found = form.read()

    assert (found, form.problems) == (value, {})
    assert type(found) is type(value) or not isinstance(value, bool)


@given(SAMPLES, st.dictionaries(st.from_regex("[vkn](/[a-z0-9]{0,3}){0,3}"), TEXTS, max_size=8))
def test_no_field_that_is_sent_breaks_a_form(sample: Sample, fields: dict[str, str]) -> None:
    for base in ({}, Form.of_value(*sample).fields):
        form = Form.of_fields(sample[0], {**base, **fields, "json": "[}"})
        for button in ("show", "add:", "add:/0", "remove:/0", "remove:x", "from-json", "??"):
            form.press(button)
        form.read()
        assert form.element.shape


@given(JSON)
def test_no_schema_breaks_a_form(schema: Any) -> None:
    for wrong in (
        {"type": "object", "properties": {"x": schema}},
        {"anyOf": [schema]},
        {"type": "array", "items": schema},
        {"enum": schema, "type": schema, "$ref": schema},
        {"type": "array", "prefixItems": [schema], "required": schema, "default": schema},
        {"type": "object", "properties": {"x": {}}, "required": schema, "description": schema},
        {"anyOf": schema, "oneOf": schema, "title": schema, "$defs": schema},
    ):
        form = Form.of_value(wrong)
        assert form.element
        form.press("show")
        form.read()


def test_types_that_contain_themselves_end_in_json() -> None:
    node = {
        "type": "object",
        "properties": {"next": {"$ref": "#/$defs/Node"}},
        "required": ["next"],
    }
    form = Form.of_value({"$ref": "#/$defs/Node", "$defs": {"Node": node}})

    element, depth = form.element, 0
    while element.children:
        element, depth = element.children[0], depth + 1
    assert (element.shape, depth) == ("json", 9)


@pytest.mark.parametrize(
    ("value", "shape"), [(None, "union"), (3, "number"), ("x", "string"), ({"a": 1}, "object")]
)
def test_the_alternative_that_fits_is_chosen(value: Any, shape: str) -> None:
    thing = {"type": "object", "properties": {"a": {"type": "integer"}}, "title": "Thing"}
    schema = {
        "anyOf": [{"type": "integer"}, {"type": "string"}, {"type": "null"}, {"$ref": "#/$defs/T"}],
        "$defs": {"T": thing},
    }
    form = Form.of_value(schema, value)

    element = form.element
    assert form.read() == value
    assert element.children[0].shape == shape or value is None
    assert [choice.label for choice in element.choices] == ["integer", "string", "nothing", "Thing"]


def test_an_optional_value_that_may_be_null_is_left_out() -> None:
    part = {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None}
    form = Form.of_value({"type": "object", "properties": {"x": part}})

    assert form.element.children[0].shape == "number"
    assert form.read() == {}
    form.fields["v/x"] = "5"
    assert form.read() == {"x": 5}


@pytest.mark.parametrize(
    ("path", "pointer"),
    [("root", ""), ("a", "/a"), ("a.b", "/a/b"), ("a[0].b", "/a/0/b"), ("[1]", "/1")],
)
def test_places_of_faults_are_found(path: str, pointer: str) -> None:
    assert pointer_of(path) == pointer


def test_defaults_are_filled_in() -> None:
    part = {"type": "array", "items": {"type": "string", "default": "x"}, "minItems": 2}
    schema = {"type": "object", "properties": {"names": part}, "required": ["names"]}

    assert Form.of_value(schema, MISSING).read() == {"names": ["x", "x"]}
