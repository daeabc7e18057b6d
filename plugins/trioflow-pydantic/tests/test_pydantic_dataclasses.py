"""Pydantic's own dataclasses: their constraints and aliases hold wherever they are."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar

import attrs
import pytest
import trioflow_pydantic
from cattrs import Converter
from pydantic import BaseModel, ConfigDict, Field
from pydantic.dataclasses import dataclass

from trioflow.errors import FaultsError
from trioflow.testing import TypeExamples, check_converter

Agree = Callable[..., None]
T = TypeVar("T")


@dataclass
class Order:
    n: Annotated[int, Field(gt=0)]
    label: str = Field(default="x", alias="theLabel")


@dataclass(config=ConfigDict(frozen=True), kw_only=True)
class Pair(Generic[T]):
    first: T
    second: T | None = None


@dataclass
class Tree:
    value: int
    kids: list[Tree] = dataclasses.field(default_factory=list)


@dataclass
class Counted:
    """Has a field that cannot be given."""

    word: str
    size: int = dataclasses.field(init=False, default=0)

    def __post_init__(self) -> None:
        self.size = len(self.word)


@dataclasses.dataclass
class Plain:
    n: Annotated[int, Field(gt=0)]


class Cart(BaseModel):
    orders: list[Order]
    pair: Pair[int] | None = None
    plain: Plain | None = None


@attrs.frozen
class Shop:
    order: Order
    carts: list[Cart] = attrs.field(factory=list)


@pytest.mark.parametrize(
    ("type_", "values", "jsons"),
    [
        (
            Order,
            [Order(1)],
            [
                {"n": 1, "theLabel": "y"},
                {"n": 1, "label": "y"},
                {"n": 0},
                {"n": "1"},
                {"n": 1, "x": 1},
            ],
        ),
        (Pair[int], [Pair(first=1)], [{"first": "a"}, {"first": 1, "second": 2}]),
        (Pair[Order], [], [{"first": {"n": 0}}, {"first": {"n": 1}}]),
        (Tree, [Tree(1, [Tree(2)])], [{"value": 1, "kids": [{"value": "1"}]}]),
        (Counted, [Counted("ab")], [{"word": "a", "size": 1}]),
        (
            Cart,
            [Cart(orders=[Order(1)], pair=Pair(first=1), plain=Plain(1))],
            [
                {"orders": [{"n": 0}]},
                {"orders": [], "pair": {"first": "x"}},
                {"orders": [], "plain": {"n": 0}},
                {"orders": [], "plain": {"n": 1, "x": 1}},
            ],
        ),
        (
            Shop,
            [Shop(Order(1), [Cart(orders=[Order(2)])])],
            [{"order": {"n": 0}}, {"order": {"n": 1}, "carts": [{"orders": [{"n": 0}]}]}],
        ),
        (list[Order], [[Order(1)]], [[{"n": 0}], [{"n": 1}]]),
    ],
)
def test_schemas_and_values_agree(
    agree: Agree, type_: Any, values: list[Any], jsons: list[Any]
) -> None:
    agree(type_, values, *jsons)


def test_faults_have_their_paths(converter: Converter) -> None:
    with pytest.raises(FaultsError) as caught:
        converter.structure([{"n": 1}, {"n": 0}], list[Order])

    [fault] = caught.value.faults
    assert str(fault) == "[1].n: Input should be greater than 0"


def test_they_are_types_like_any_other() -> None:
    check_converter(
        trioflow_pydantic,
        TypeExamples(
            Tree,
            values=[Tree(1, [Tree(2)])],
            refuses=[
                ({"value": 1, "kids": [{"value": "1"}]}, "kids[0].value"),
                ({"value": 1, "x": 1}, "x: unknown key"),
                ({}, "value: required key is missing"),
            ],
        ),
        TypeExamples(
            Pair[int],
            values=[Pair(first=1)],
            refuses=[({"first": "a"}, "first")],
        ),
    )
