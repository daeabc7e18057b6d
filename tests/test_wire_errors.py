"""Exceptions on the wire: each is recorded, whatever its methods and attributes do."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioflow import events as ev
from trioflow.errors import WireFormatError
from trioflow.wire import RecordedError, from_wire, to_wire
from trioflow.wire._failures import MAX_NESTING, MAX_TEXT, error_from_wire, error_to_wire, record


class SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no message")


class NoStringError(Exception):
    def __str__(self) -> Any:
        return NOTHING


NOTHING: Any = None


class LeavingError(Exception):
    def __str__(self) -> str:
        raise SystemExit(3)


class NoReprError(Exception):
    def __repr__(self) -> str:
        raise RuntimeError("no repr")


class NoCauseError(Exception):
    @property
    def __cause__(self) -> BaseException:  # type: ignore[override]
        raise RuntimeError("no cause")


class NoNotesError(Exception):
    @property
    def __notes__(self) -> list[str]:  # type: ignore[override]
        raise RuntimeError("no notes")


class OddGroupError(ExceptionGroup[Exception]):
    @property
    def exceptions(self) -> tuple[Exception, ...]:
        raise RuntimeError("no members")


class Renaming(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise RuntimeError("no name")


class UnnamedError(Exception, metaclass=Renaming):
    pass


def made(error: BaseException) -> BaseException:
    """Return an exception that was never raised."""
    error.__traceback__ = None
    return error


def raised(error: BaseException) -> BaseException:
    """Return an exception with a traceback."""
    try:
        raise error
    except BaseException as exc:
        return exc


def nested(depth: int) -> BaseException:
    error: Exception = ValueError("innermost")
    for level in range(depth):
        error = ExceptionGroup(f"level {level}", [error])
    return error


def written(error: BaseException) -> dict[str, Any]:
    """Return an exception as it is written, after its way through an event and JSON."""
    event = ev.Finish(run_id="r", seq=1, at=1.0, status="failed", error=error)
    text = json.dumps(to_wire(event), allow_nan=False)
    read = from_wire(text)
    assert json.dumps(to_wire(read), allow_nan=False) == text  # exactly what was read
    wire: dict[str, Any] = json.loads(text)["payload"]["error"]
    return wire


# ---------------------------------------------------------------- recorded, always
@pytest.mark.parametrize("make", [made, raised])
@pytest.mark.parametrize(
    ("error", "name", "message"),
    [
        (SilentError("x"), "SilentError", "<no message: its __str__ raised RuntimeError>"),
        (NoStringError("x"), "NoStringError", "<no message: its __str__ raised TypeError>"),
        (LeavingError("x"), "LeavingError", "<no message: its __str__ raised SystemExit>"),
        (NoReprError("x"), "NoReprError", "x"),
        (NoCauseError("x"), "NoCauseError", "x"),
        (NoNotesError("x"), "NoNotesError", "x"),
        (UnnamedError("x"), "UnnamedError", "x"),
        (KeyError(NoReprError()), "KeyError", "<no message: its __str__ raised RuntimeError>"),
        (ValueError("lone \ud800"), "ValueError", "lone \ud800"),
        (OddGroupError("odd", [ValueError("x")]), "OddGroupError", "odd"),
        (StopIteration(1), "StopIteration", "1"),
        (SystemExit(3), "SystemExit", "3"),
    ],
)
def test_name_and_message_are_kept(
    error: BaseException,
    name: str,
    message: str,
    make: Callable[[BaseException], BaseException],
) -> None:
    wire = written(make(error))

    assert (wire["name"], wire["message"]) == (name, message)
    assert ("stack" in wire) == (make is raised)


@pytest.mark.parametrize("error", [NoCauseError("x"), NoNotesError("x")])
def test_a_traceback_without_causes_is_better_than_none(error: Exception) -> None:
    stack = written(raised(error))["stack"]

    assert "in raised\n    raise error\n" in stack
    assert f"{type(error).__name__}: x\n" in stack  # Python 3.13 adds what it could not get


def test_the_members_of_an_odd_group_are_kept() -> None:
    wire = written(OddGroupError("odd", [ValueError("x")]))

    assert wire["errors"] == [{"name": "ValueError", "message": "x"}]


def test_causes_in_a_circle_are_told_once() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__context__, other.__context__ = other, one
    one.__traceback__ = raised(KeyError()).__traceback__

    assert written(one)["stack"].count("ValueError: other") == 1


# ---------------------------------------------------------------- bounded, always
def test_a_long_message_is_cut_at_its_end() -> None:
    message = written(ValueError("a" * MAX_TEXT + "b" * 1234))["message"]

    assert message == "a" * MAX_TEXT + "… (1,234 more characters)"


def test_a_long_traceback_keeps_its_end() -> None:
    stack = written(raised(ValueError("x" * MAX_TEXT)))["stack"]

    assert stack.endswith("x" * 1000 + "\n")
    assert "characters before" in stack[:40]
    assert len(stack) < MAX_TEXT + 100


def test_what_is_short_enough_is_not_cut() -> None:
    assert written(ValueError("a" * MAX_TEXT))["message"] == "a" * MAX_TEXT


@pytest.mark.parametrize("depth", [MAX_NESTING, MAX_NESTING + 1, 600, 5000])
def test_groups_are_recorded_to_a_certain_depth(depth: int) -> None:
    wire = written(raised(nested(depth)))

    for level in range(min(depth, MAX_NESTING)):
        assert wire["message"] == f"level {depth - 1 - level}"
        [wire] = wire["errors"]
    if depth == MAX_NESTING:
        assert wire == {"name": "ValueError", "message": "innermost"}
    else:
        assert wire["name"] == "ExceptionGroup"
        assert wire["message"].endswith("(its members are nested too deeply to be recorded)")
        assert "errors" not in wire


def test_what_was_recorded_already_is_cut_in_a_deep_group_too() -> None:
    recorded = record(nested(MAX_NESTING))
    assert isinstance(recorded, RecordedError)
    assert record(recorded) is recorded

    wire = written(ExceptionGroup("one more", [recorded]))

    for _ in range(MAX_NESTING):
        [wire] = wire["errors"]
    assert wire["name"] == "ExceptionGroup"
    assert "errors" not in wire


# ---------------------------------------------------------------- and read
def deep(levels: int) -> dict[str, Any]:
    wire: dict[str, Any] = {"name": "E", "message": "m"}
    for _ in range(levels):
        wire = {"name": "G", "message": "m", "errors": [wire]}
    return wire


@given(levels=st.integers(0, MAX_NESTING))
def test_what_is_read_is_written_again_exactly(levels: int) -> None:
    assert error_to_wire(error_from_wire(deep(levels), "'error'")) == deep(levels)


@pytest.mark.parametrize("levels", [MAX_NESTING + 1, 300, 900])
def test_errors_nested_too_deeply_are_no_event(levels: int) -> None:
    wire = {"type": "finish", "runId": "r", "seq": 3, "at": 1.0}
    wire["payload"] = {"status": "failed", "error": deep(levels)}

    with pytest.raises(WireFormatError, match="'error' has errors nested more than 32 levels deep"):
        from_wire(wire)
