"""The state of a run: records of calls, and what is left unsaid in them."""

from __future__ import annotations

import copy
import pickle

import attrs
import pytest

from trioflow.state import StepRecord


def record(**fields: object) -> StepRecord:
    made = StepRecord("s", "0", "step", "running", None, 1.0)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def test_fields_that_nothing_was_assigned_to_have_their_defaults() -> None:
    assert [getattr(record(), field.name) for field in attrs.fields(StepRecord)][6:] == [
        field.default for field in attrs.fields(StepRecord)
    ][6:]
    assert record() == record(attempts=0, label=None)
    assert record() != record(attempts=1)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy], ids=lambda f: f.__name__)
def test_a_copy_is_equal(again: object) -> None:
    original = record(attempts=2)

    assert callable(again)
    assert again(original) == original
    assert pickle.loads(pickle.dumps(original)) == original


def test_there_are_no_other_fields() -> None:
    with pytest.raises(AttributeError, match="no 'outputs'"):
        _ = record().outputs  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        record(outputs=1)
