"""Conditions that are lambdas are described with their source."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.flows import add_one, double
from trioflow import Workflow
from trioflow.describe import to_mermaid, to_tree
from trioflow.describe._source import LONGEST, source_of

TWO = ((lambda x: x > 3), (lambda x: x <= 3))
SAME = ((lambda x: x > 3), (lambda y: y > 3))


def test_lambdas_on_one_line_are_told_apart() -> None:
    assert [source_of(fn) for fn in (*TWO, *SAME)] == ["x > 3", "x <= 3", "x > 3", "y > 3"]


def test_a_lambda_over_several_lines_is_put_on_one() -> None:
    fn: Callable[[Any], bool] = lambda data: (  # noqa: E731
        data["high"] > 20
        and data["rain"] < 1
    )  # fmt: skip

    assert source_of(fn) == "data['high'] > 20 and data['rain'] < 1"


@pytest.mark.parametrize(
    "fn",
    [
        lambda x: x + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 > 2,
        eval("lambda x: x"),
        bool,
    ],
)
def test_what_has_no_short_source_has_none(fn: Callable[..., Any]) -> None:
    assert LONGEST < 70
    assert source_of(fn) is None


def test_graphs_show_conditions() -> None:
    flow = (
        Workflow("flow", input=int)
        .branch((lambda x: x > 3, add_one), (lambda x: x <= 3, double))
        .dountil(add_one, lambda n: n == 9)
    )

    tree, diagram = to_tree(flow), to_mermaid(flow)

    assert "if x > 3: add_one" in tree
    assert "if x <= 3: double" in tree
    assert "repeat until n == 9" in tree
    assert "n == 9" in diagram
