"""When an attempt is followed by another, and after how many seconds."""

from __future__ import annotations

import math
import pydoc
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioflow import NonRetryableError, Retry
from trioflow.errors import Fault, InvalidValueError, UnknownOptionError
from trioflow.retry import LONGEST


class DiskFullError(NonRetryableError):
    pass


INVALID = InvalidValueError("input", "step 'a'", (Fault("", "expected int"),))


class BusyError(Exception):
    def __init__(self, retry_after: Any) -> None:
        super().__init__("busy")
        self.retry_after = retry_after


class RudeError(Exception):
    @property
    def retry_after(self) -> float:
        raise OSError


def allows(retry: Retry, error: BaseException, attempt: int) -> bool:
    return retry.delay_after(error, attempt) is not None


def test_by_default_there_is_one_attempt() -> None:
    assert not allows(Retry(), OSError(), 1)


def test_attempts_are_counted_with_the_first() -> None:
    retry = Retry(attempts=3)

    assert [retry.delay_after(OSError(), attempt) for attempt in (1, 2, 3)] == [0, 0, None]


def test_only_the_named_exceptions_and_their_subclasses_are_retried() -> None:
    retry = Retry(attempts=2, on=(OSError, KeyError))

    assert allows(retry, FileNotFoundError(), 1)
    assert allows(retry, KeyError(), 1)
    assert not allows(retry, ValueError(), 1)


def test_no_exception_at_all_may_be_named() -> None:
    assert not allows(Retry(attempts=2, on=()), OSError(), 1)


def test_a_function_decides_in_addition_to_the_classes() -> None:
    retry = Retry(attempts=2, on=(OSError,), when=lambda error: error.errno == 5)

    assert allows(retry, OSError(5, "input/output"), 1)
    assert not allows(retry, OSError(2, "not found"), 1)
    assert not allows(retry, ValueError(), 1)  # has no errno: only asked where the class matches


@pytest.mark.parametrize("error", [NonRetryableError("no"), DiskFullError("no"), INVALID])
@pytest.mark.parametrize("on", [(Exception,), (NonRetryableError, InvalidValueError)])
def test_some_errors_are_never_retried(
    error: Exception, on: tuple[type[BaseException], ...]
) -> None:
    assert not allows(Retry(attempts=9, on=on), error, 1)


def test_of_a_group_every_exception_must_match() -> None:
    retry = Retry(attempts=2, on=(OSError,), when=lambda error: error.errno != 2)
    inner = ExceptionGroup("inner", [OSError(), FileNotFoundError()])

    assert allows(retry, ExceptionGroup("outer", [OSError(), inner]), 1)
    assert not allows(retry, ExceptionGroup("outer", [OSError(2, "no"), inner]), 1)
    assert not allows(retry, ExceptionGroup("outer", [ValueError(), inner]), 1)
    assert not allows(retry, ExceptionGroup("outer", [DiskFullError("no"), inner]), 1)


def test_the_delay_grows_by_the_back_off_up_to_the_longest() -> None:
    retry = Retry(attempts=9, delay=0.5, backoff=2.0, max_delay=3)

    delays = [retry.delay_after(OSError(), attempt) for attempt in (1, 2, 3, 4, 5)]
    assert delays == [0.5, 1.0, 2.0, 3.0, 3.0]


def test_the_delay_stays_without_a_back_off() -> None:
    retry = Retry(attempts=9, delay=0.5)

    assert {retry.delay_after(OSError(), attempt) for attempt in range(1, 9)} == {0.5}


def test_durations_may_be_timedeltas() -> None:
    retry = Retry(9, delay=timedelta(seconds=2), backoff=3, max_delay=timedelta(seconds=4))

    assert [retry.delay_after(OSError(), attempt) for attempt in (1, 2)] == [2, 4]
    assert retry == Retry(9, 2.0, 3, 4.0)


def test_a_function_may_say_the_delay() -> None:
    retry = Retry(9, delay=lambda error, attempt: timedelta(minutes=attempt), max_delay=100)

    assert [retry.delay_after(OSError(), attempt) for attempt in (1, 2)] == [60, 100]


@pytest.mark.parametrize("wrong", [None, -1, math.nan, "1", True])
def test_a_function_must_give_a_duration(wrong: Any) -> None:
    with pytest.raises(InvalidValueError, match="delay of Retry is invalid"):
        Retry(9, delay=lambda error, attempt: wrong).delay_after(OSError(), 1)


@pytest.mark.parametrize("asked", [7, 7.0, timedelta(seconds=7)])
def test_an_error_may_ask_for_a_longer_delay(asked: Any) -> None:
    assert Retry(2, delay=1).delay_after(BusyError(asked), 1) == 7
    assert Retry(2, delay=9).delay_after(BusyError(asked), 1) == 9
    assert Retry(2, delay=lambda error, attempt: 1).delay_after(BusyError(asked), 1) == 7
    group = ExceptionGroup("g", [BusyError(asked), BusyError(2), OSError()])
    assert Retry(2, delay=1).delay_after(group, 1) == 7


def test_an_error_that_asks_for_too_much_is_not_retried() -> None:
    assert Retry(2, max_delay=6.9).delay_after(BusyError(7), 1) is None
    assert Retry(2).delay_after(BusyError(math.inf), 1) is None


@pytest.mark.parametrize("asked", [None, "soon", -3, math.nan, object()])
def test_what_is_no_duration_asks_for_nothing(asked: Any) -> None:
    assert Retry(2, delay=1).delay_after(BusyError(asked), 1) == 1
    assert Retry(2, delay=1).delay_after(RudeError(), 1) == 1


@pytest.mark.parametrize("backoff", [10, 10.0])
def test_the_longest_delay_is_a_number_that_json_has(backoff: float) -> None:
    attempts = 10_000

    retry = Retry(attempts=attempts, delay=1.5, backoff=backoff)
    assert retry.delay_after(OSError(), attempts - 1) == LONGEST
    assert Retry(attempts, delay=0, backoff=backoff).delay_after(OSError(), attempts - 1) == 0


@given(
    st.floats(0, 1e9),
    st.floats(0, 1e3, exclude_min=True),
    st.none() | st.floats(0, 1e9),
    st.floats(0, 1),
    st.none() | st.floats(0, 1e9),
    st.integers(1, 100),
)
def test_every_delay_is_near_what_was_computed_and_within_its_bounds(
    delay: float,
    backoff: float,
    max_delay: float | None,
    jitter: float,
    asked: float | None,
    attempt: int,
) -> None:
    exact = Retry(101, delay, backoff, max_delay)
    error = BusyError(asked)
    computed = exact.delay_after(error, attempt)
    drawn = Retry(101, delay, backoff, max_delay, jitter).delay_after(error, attempt)

    longest = LONGEST if max_delay is None else max_delay
    if computed is None or drawn is None:
        assert computed is drawn is None
        assert (asked or 0) > longest
    else:
        assert (asked or 0) <= computed <= longest
        assert (asked or 0) <= drawn <= longest
        assert computed * (1 - jitter) * 0.999 <= drawn <= computed * (1 + jitter) * 1.001


def test_jitter_differs_each_time() -> None:
    retry = Retry(2, delay=10, jitter=0.5)
    drawn = {retry.delay_after(OSError(), 1) for _ in range(20)}

    assert len(drawn) > 1
    assert all(delay is not None and 5 <= delay <= 15 for delay in drawn)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"attempts": 0}, "attempts must be a whole number >= 1, not 0"),
        ({"attempts": 1.5}, "attempts must be a whole number"),
        ({"attempts": "3"}, "attempts must be a whole number"),
        ({"attempts": True}, "attempts must be a whole number"),
        ({"delay": -1}, "delay must be seconds >= 0 or a timedelta, not -1"),
        ({"delay": math.nan}, "delay must be"),
        ({"delay": math.inf}, "delay must be"),
        ({"delay": "1"}, "delay must be"),
        ({"delay": True}, "delay must be"),
        ({"backoff": 0}, "backoff must be a number > 0, not 0"),
        ({"backoff": math.nan}, "backoff must be"),
        ({"backoff": math.inf}, "backoff must be"),
        ({"backoff": None}, "backoff must be"),
        ({"max_delay": -1}, "max_delay must be seconds >= 0 or a timedelta, not -1"),
        ({"max_delay": math.inf}, "max_delay must be"),
        ({"delay": timedelta(seconds=-1)}, "delay must be"),
        ({"jitter": -0.1}, "jitter must be a fraction between 0 and 1, not -0.1"),
        ({"jitter": 1.1}, "jitter must be"),
        ({"jitter": math.nan}, "jitter must be"),
        ({"when": True}, "when must be a function of the error, not True"),
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


def test_an_option_that_does_not_exist_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(UnknownOptionError) as caught:
        Retry(attemps=3)  # type: ignore[call-arg]

    assert str(caught.value) == "Retry: there is no option 'attemps'; did you mean 'attempts'?"


def test_its_help_shows_what_users_need_and_nothing_that_is_generated() -> None:
    text = pydoc.plain(pydoc.render_doc(Retry))

    assert "generated by attrs" not in text
    assert "__attrs" not in text
    assert "__eq__" not in text
    assert "max_delay: " in text
    assert "jitter: Maximum random change" in text
