"""The state of a run: records of calls, and what is left unsaid in them."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from trioflow import events, fold
from trioflow.state import StepRecord

START = events.StepStart(run_id="r", seq=0, at=1.0, id="s", address="0", input=None)


def folded() -> StepRecord:
    """Return a record as the fold makes it, which leaves most fields unset."""
    return fold([START]).calls["0"]


def made(**fields: Any) -> StepRecord:
    return StepRecord("s", "0", "step", "running", None, 1.0, **fields)


def test_fields_that_the_fold_left_unset_have_their_defaults() -> None:
    assert folded() == made()
    assert folded() != made(attempts=1)
    assert repr(folded()) == repr(made())


@pytest.mark.parametrize(
    "again", [copy.copy, copy.deepcopy, attrs.evolve], ids=lambda f: f.__name__
)
def test_a_copy_is_equal(again: Callable[[StepRecord], StepRecord]) -> None:
    assert again(folded()) == made()
    assert pickle.loads(pickle.dumps(folded())) == made()


def test_there_are_no_other_fields() -> None:
    with pytest.raises(AttributeError, match="no 'outputs'"):
        _ = folded().outputs  # type: ignore[attr-defined]


def test_steps_are_seen_by_the_ids_of_their_last_calls() -> None:
    state = fold([START])
    steps = state.steps
    again = attrs.evolve(START, seq=1, address="0#2")

    state.apply(again)

    assert steps == {"s": state.calls["0#2"]}
    assert list(steps) == ["s"]
    assert repr(steps) == repr({"s": state.calls["0#2"]})
