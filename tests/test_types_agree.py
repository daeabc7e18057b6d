"""What a type means is one thing: for its schema, for input, and for what is written.

The property is tried on generated types in all combinations, and on each kind of type alone.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import strategies as st

from trioflow.testing import check_converter
from trioflow.testing.strategies import JSON_KEYS, JSON_SCALARS, TypedValues, json_types

pytestmark = pytest.mark.slow


PARTS = 4
"""How many tests share the many examples of a full check: one alone would take minutes."""


@pytest.mark.parametrize(
    "examples",
    [
        40,
        *[
            pytest.param(2000 // PARTS, marks=pytest.mark.slow, id=f"part {i}")
            for i in range(PARTS)
        ],
    ],
)
def test_generated_types_have_one_meaning(examples: int) -> None:
    check_converter(None, generated=json_types(), examples=examples)


def of_keys(keys: TypedValues) -> TypedValues:
    """Return the type of mappings with keys of a type."""
    cls: Any = dict
    return TypedValues(cls[keys.type, int], st.dictionaries(keys.values, st.integers(), max_size=3))


@pytest.mark.parametrize(
    "typed", [*JSON_SCALARS, *map(of_keys, JSON_KEYS)], ids=lambda typed: str(typed.type)
)
def test_each_type_has_one_meaning(typed: TypedValues) -> None:
    check_converter(None, generated=st.just(typed), examples=10)
