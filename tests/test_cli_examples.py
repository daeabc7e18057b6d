"""Examples of answers that the command line shows."""

from __future__ import annotations

import json
from typing import Any, Literal

import jsonschema  # type: ignore[import-untyped]
import pytest
from attrs import frozen
from hypothesis import given
from hypothesis import strategies as st

from trioflow._cli.examples import example_of
from trioflow.describe import json_schema


@frozen
class Yes:
    digest: Literal["abc"]
    note: str | None = None


@frozen
class No:
    reason: str


@frozen
class Order:
    item: str
    count: int
    answers: list[Yes | No]
    first: No
    size: Literal["small", "large"] = "small"


@frozen
class Endless:
    inner: Endless


@pytest.mark.parametrize(
    ("type", "example"),
    [
        (Yes | No, {"digest": "abc"}),
        (No, {"reason": "..."}),
        (Order, {"item": "...", "count": 1, "answers": [], "first": {"reason": "..."}}),
        (Endless | No, {"reason": "..."}),
        (Endless, None),
        (bool, None),
        (str | None, None),
        (Any, None),
    ],
)
def test_the_example_fits(type: Any, example: Any) -> None:
    schema = json_schema(type)
    found = example_of(schema)

    assert (None if found is None else json.loads(found)) == example
    if found is not None:
        jsonschema.validate(json.loads(found), schema)


def test_what_has_to_be_of_a_kind_is_not_guessed() -> None:
    short = {"type": "string", "maxLength": 2}
    schema = {"type": "object", "required": ["a"], "properties": {"a": short}}

    assert example_of(schema) is None
    assert example_of({"anyOf": [schema, {"type": "object"}]}) == "{}"


JSON = st.recursive(
    st.none() | st.integers() | st.sampled_from(["object", "string", "a", "#/$defs/a"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(["type", "$ref", "$defs", "a", "anyOf", "enum", "required"]), inner
        )
    ),
)


@given(st.dictionaries(st.sampled_from(["type", "$ref", "$defs", "anyOf", "required"]), JSON))
def test_any_schema_of_a_journal_can_be_read(schema: dict[str, Any]) -> None:
    found = example_of(schema)
    assert found is None or isinstance(json.loads(found), dict)
