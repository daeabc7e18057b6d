"""When an attempt is followed by another, and after how many seconds."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioflow import NonRetryableError, Retry
from trioflow.errors import Fault, InvalidValueError
from trioflow.retry import LONGEST


class DiskFullError(NonRetryableError):
    pass


INVALID = InvalidValueError("input", "step 'a'", (Fault("", "expected int"),))


def test_by_default_there_is_one_attempt() -> None:
    retry = Retry()

    assert not retry.allows(OSError(), 1)
    assert retry.seconds_after(1) == 0


def test_attempts_are_counted_with_the_first() -> None:
    retry = Retry(attempts=3)

    assert [retry.allows(OSError(), attempt) for attempt in (1, 2, 3)] == [True, True, False]


def test_only_the_named_exceptions_and_their_subclasses_are_retried() -> None:
    retry = Retry(attempts=2, on=(OSError, KeyError))

    assert retry.allows(FileNotFoundError(), 1)
    assert retry.allows(KeyError(), 1)
    assert not retry.allows(ValueError(), 1)


def test_no_exception_at_all_may_be_named() -> None:
    assert not Retry(attempts=2, on=()).allows(OSError(), 1)


@pytest.mark.parametrize("error", [NonRetryableError("no"), DiskFullError("no"), INVALID])
@pytest.mark.parametrize("on", [(Exception,), (NonRetryableError, InvalidValueError)])
def test_some_errors_are_never_retried(
    error: Exception, on: tuple[type[BaseException], ...]
) -> None:
    assert not Retry(attempts=9, on=on).allows(error, 1)


def test_of_a_group_every_exception_must_match() -> None:
    retry = Retry(attempts=2, on=(OSError,))
    inner = ExceptionGroup("inner", [OSError(), FileNotFoundError()])

    assert retry.allows(ExceptionGroup("outer", [OSError(), inner]), 1)
    assert not retry.allows(ExceptionGroup("outer", [ValueError(), inner]), 1)
    assert not retry.allows(ExceptionGroup("outer", [DiskFullError("no"), inner]), 1)


def test_the_wait_grows_by_the_back_off() -> None:
    retry = Retry(attempts=9, delay=0.5, backoff=2.0)

    assert [retry.seconds_after(attempt) for attempt in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, 4.0]


def test_the_wait_stays_without_a_back_off() -> None:
    retry = Retry(attempts=9, delay=0.5)

    assert {retry.seconds_after(attempt) for attempt in range(1, 9)} == {0.5}


@pytest.mark.parametrize("backoff", [10, 10.0])
def test_the_longest_wait_is_a_number_that_json_has(backoff: float) -> None:
    attempts = 10_000

    assert Retry(attempts=attempts, delay=1.5, backoff=backoff).seconds_after(attempts) == LONGEST
    assert Retry(attempts=attempts, delay=0, backoff=backoff).seconds_after(attempts) == 0


@given(
    st.integers(1, 10**6),
    st.floats(0, 1e9),
    st.floats(0, 1e3, exclude_min=True),
    st.integers(1, 10**6),
)
def test_every_wait_is_a_number_of_seconds(
    attempts: int, delay: float, backoff: float, attempt: int
) -> None:
    assert Retry(attempts, delay, backoff).seconds_after(attempt) >= 0


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"attempts": 0}, "attempts must be a whole number >= 1, not 0"),
        ({"attempts": 1.5}, "attempts must be a whole number"),
        ({"attempts": "3"}, "attempts must be a whole number"),
        ({"attempts": True}, "attempts must be a whole number"),
        ({"delay": -1}, "delay must be a number of seconds >= 0, not -1"),
        ({"delay": math.nan}, "delay must be"),
        ({"delay": math.inf}, "delay must be"),
        ({"delay": "1"}, "delay must be"),
        ({"delay": True}, "delay must be"),
        ({"backoff": 0}, "backoff must be a number > 0, not 0"),
        ({"backoff": math.nan}, "backoff must be"),
        ({"backoff": math.inf}, "backoff must be"),
        ({"backoff": None}, "backoff must be"),
        ({"on": OSError}, "on must be a tuple of exception classes, not <class 'OSError'>"),
        ({"on": [OSError]}, "on must be a tuple"),
        ({"on": (OSError(),)}, "on must be a tuple"),
        ({"on": (int,)}, "on must be a tuple"),
    ],
)
def test_what_makes_no_sense_is_refused(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Retry(**options)


def test_it_is_a_value() -> None:
    assert Retry(3, 0.5) == Retry(attempts=3, delay=0.5)
    assert len({Retry(3), Retry(3), Retry(4)}) == 2
