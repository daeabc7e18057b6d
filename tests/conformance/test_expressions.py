"""Expressions have the values that the recording engine's language gives them."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from .expressions import UserError, evaluate, truthy
from .undefined import UNDEFINED, plain


@attrs.define
class Somewhere:
    """A place in a run where every lookup has a value."""

    input: Any = attrs.field(factory=lambda: {"v": 1, "l": [5, 6]})
    current: Any = 7

    def init(self) -> Any:
        return {"v": "first"}

    def resume(self) -> Any:
        return None

    def suspend_data(self) -> Any:
        return None

    def state(self) -> Any:
        return {"n": 3}

    def context(self, key: str) -> Any:
        return {"k": "context"}.get(key)

    def step(self, ref: str) -> Any:
        return {"v": ref}

    def run_count(self) -> int:
        return 0

    def calls(self) -> int:
        return 2

    def iteration(self) -> int | None:
        return None

    def abort(self) -> None:
        raise AssertionError


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ({"in": ["l", 1]}, 6),
        ({"in": ["nope", "deeper"]}, None),
        ({"v": []}, 7),
        ({"init": ["v"]}, "first"),
        ({"state": ["n"]}, 3),
        ({"ctx": "k"}, "context"),
        ({"ctx": "other"}, None),
        ({"step": "a", "path": ["v"]}, "a"),
        ([{"calls": True}, {"runCount": True}, {"iteration": True}], [2, 0, None]),
        ({"const": {"add": [1, 2]}}, {"add": [1, 2]}),
        ({"add": [1, "x"]}, "1x"),
        ({"add": [{"in": ["nope"]}, 1]}, 1),
        ({"add": [{"const": True}, 1]}, 2),
        ({"mul": [0.5, 4]}, 2),
        ({"mod": [-7, 3]}, -1),
        ({"concat": ["a", 1.0, {"const": {"b": [None]}}]}, 'a1{"b":[null]}'),
        ({"obj": {"a": {"v": []}}}, {"a": 7}),
        (
            {"list": [{"range": 3}, {"len": {"in": ["l"]}}, {"sum": {"in": ["l"]}}]},
            [[0, 1, 2], 2, 11],
        ),
        ({"eq": [{"const": {"a": 1}}, {"const": {"a": 1.0}}]}, True),
        ({"ne": [1, "1"]}, True),
        ({"lt": ["10", "9"]}, True),
        ({"lt": ["10", 9]}, False),
        ({"le": [{"const": None}, 0]}, True),
        ({"and": [1, {"const": []}]}, True),
        ({"and": [0, {"raise": "not looked at"}]}, False),
        ({"or": [0, "", {"const": {}}]}, True),
        ({"not": {"const": 0}}, True),
        ({"isNull": {"resume": []}}, True),
    ],
)
def test_an_expression_has_its_value(expression: Any, value: Any) -> None:
    assert evaluate(expression, Somewhere()) == value


def test_an_expression_can_raise() -> None:
    with pytest.raises(UserError, match="broke"):
        evaluate({"list": [{"raise": {"concat": ["it ", "broke"]}}]}, Somewhere())


def test_there_are_no_other_expressions() -> None:
    with pytest.raises(ValueError, match="no such expression"):
        evaluate({"pow": [2, 2]}, Somewhere())


def test_nothing_is_left_out_like_a_key_of_undefined() -> None:
    assert plain({"a": UNDEFINED, "b": [UNDEFINED, float("nan")]}) == {"b": [None, None]}


@pytest.mark.parametrize("value", [None, False, 0, 0.0, "", UNDEFINED, float("nan")])
def test_nothing_and_zero_are_false(value: Any) -> None:
    assert not truthy(value)


@pytest.mark.parametrize("value", [True, 1, "0", [], {}])
def test_all_else_is_true(value: Any) -> None:
    assert truthy(value)
