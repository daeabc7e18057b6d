"""What holds for all values: they come back as they were, and nothing is coerced."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any, Generic, TypeVar
from uuid import UUID

import trioflow_pydantic
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from pydantic import BaseModel, ConfigDict, Field

from trioflow import json_schema
from trioflow.validation import make_converter

T = TypeVar("T")
CONVERTER = make_converter()
trioflow_pydantic.trioflow_converter(CONVERTER)


class Color(Enum):
    RED = "red"
    BLUE = "blue"


class Leaf(BaseModel):
    text: str
    number: int
    real: float
    flag: bool
    color: Color
    nothing: None = None


class Kinds(BaseModel):
    at: datetime
    day: date
    took: timedelta
    cost: Decimal
    id: UUID
    raw: bytes
    words: set[str]
    pair: tuple[int, str]
    by_day: dict[date, int]


@frozen
class Between:
    leaf: Leaf
    more: list[Leaf]


class Outer(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)

    between: Between
    kinds: Kinds | None = None
    took: timedelta = timedelta(0)


class Box(BaseModel, Generic[T]):
    item: T
    more: list[T]


class Tree(BaseModel):
    value: int = Field(alias="theValue")
    children: list[Tree] = []


def closed(children: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    return st.builds(Tree, theValue=st.integers(), children=st.lists(children, max_size=3))


TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
NUMBERS = st.integers(-(2**70), 2**70)
LEAVES = st.builds(
    Leaf,
    text=TEXTS,
    number=NUMBERS,
    real=st.floats(allow_nan=False, allow_infinity=False),
    flag=st.booleans(),
    color=st.sampled_from(Color),
)
KINDS = st.builds(
    Kinds,
    at=st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3))])),
    day=st.dates(),
    took=st.timedeltas(timedelta(-(10**6)), timedelta(10**6)),
    cost=st.decimals(allow_nan=False, allow_infinity=False, places=3),
    id=st.uuids(),
    raw=TEXTS.map(str.encode),
    words=st.sets(TEXTS, max_size=4),
    pair=st.tuples(NUMBERS, TEXTS),
    by_day=st.dictionaries(st.dates(), NUMBERS, max_size=3),
)
OUTERS = st.builds(
    Outer,
    between=st.builds(Between, LEAVES, st.lists(LEAVES, max_size=2)),
    kinds=st.none() | KINDS,
    took=st.timedeltas(timedelta(0), timedelta(10)),
)
BOXES = st.builds(Box[Leaf], item=LEAVES, more=st.lists(LEAVES, max_size=2))
MODELS = LEAVES | KINDS | OUTERS | BOXES | st.recursive(st.builds(Tree, theValue=NUMBERS), closed)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats(-2, 2) | TEXTS | st.just("red"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(TEXTS | st.sampled_from([*Leaf.model_fields]), inner, max_size=6)
    ),
    max_leaves=8,
)
FIELDS = st.fixed_dictionaries(
    dict.fromkeys(["text", "number", "real", "flag", "color"], JSON), optional={"nothing": JSON}
)


def written(model: Any) -> Any:
    """Return a model as JSON text makes it."""
    return json.loads(json.dumps(CONVERTER.unstructure(model)))


@settings(deadline=None)
@given(MODELS)
def test_a_model_comes_back_as_it_was(model: BaseModel) -> None:
    assert CONVERTER.structure(written(model), type(model)) == model


@settings(deadline=None)
@given(OUTERS, LEAVES)
def test_a_model_comes_back_from_a_value_that_is_json_only_in_part(
    model: Outer, leaf: Leaf
) -> None:
    value = {**written(model), "between": Between(leaf, [leaf])}

    made = CONVERTER.structure(value, Outer)

    assert made.between is value["between"]
    assert (made.kinds, made.took) == (model.kinds, model.took)


SCHEMAS: dict[type[BaseModel], Draft202012Validator] = {
    cls: Draft202012Validator(json_schema(cls, plugins=[trioflow_pydantic]))
    for cls in (Leaf, Kinds, Outer, Box[Leaf], Tree)
}


@settings(deadline=None)
@given(MODELS)
def test_what_is_written_fits_the_schema(model: BaseModel) -> None:
    SCHEMAS[type(model)].validate(written(model))


@settings(deadline=None)
@given(st.one_of(FIELDS, LEAVES.map(written), JSON))
def test_what_is_taken_is_written_back_unchanged(value: Any) -> None:
    try:
        leaf = CONVERTER.structure(value, Leaf)
    except Exception:
        assert not SCHEMAS[Leaf].is_valid(value) or has_whole_float(value)
        return
    back = written(leaf)
    assert SCHEMAS[Leaf].is_valid(value)
    for key, item in value.items():
        # The one thing that is made into another: a whole number where a float is asked for.
        assert back[key] == item
        assert type(back[key]) is type(item) or key == "real"


def has_whole_float(value: Any) -> bool:
    """Tell whether there is a number that JSON Schema takes for an integer, and Python does not."""
    if isinstance(value, dict):
        return any(map(has_whole_float, value.values()))
    return isinstance(value, float) and value.is_integer()
