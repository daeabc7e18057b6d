"""When and how a failed step is retried."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any, TypeAlias

import attrs

from trioflow._durations import Duration, finite_seconds, in_seconds
from trioflow._help import PlainHelp
from trioflow._numbers import is_number, is_whole_number
from trioflow._options import named_options
from trioflow.errors import Fault, InvalidValueError, NonRetryableError

LONGEST = 1e12
"""The longest delay in seconds. Delays are recorded, and JSON has no infinity."""

Delay: TypeAlias = Callable[[Any, int], Duration]
"""Takes the error and the number of the attempt that raised it, and returns the delay."""


@attrs.frozen(init=False)
class Retry(metaclass=PlainHelp):
    """How often, when and after which delay a failed step is retried.

    Each attempt gets the same input object, so the next attempt sees changes that an attempt makes
    in it. State updates of a failed attempt are dropped. After a restart, the input is the recorded
    one, and *on* and *when* also apply to recorded exceptions.

    An exception may have an attribute ``retry_after``: the minimum delay that its source requests,
    in seconds or as a timedelta. The delay is never shorter than that.
    """

    attempts: int
    delay: float | Delay
    """Seconds."""
    backoff: float
    max_delay: float | None
    """Seconds."""
    jitter: float
    on: tuple[type[BaseException], ...]
    when: Callable[[Any], bool] | None

    @named_options(lambda *args, **options: "Retry")
    def __init__(
        self,
        attempts: int = 1,
        delay: Duration | Delay = 0.0,
        backoff: float = 1.0,
        max_delay: Duration | None = None,
        jitter: float = 0.0,
        on: tuple[type[BaseException], ...] = (Exception,),
        when: Callable[[Any], bool] | None = None,
    ) -> None:
        """Create a retry policy.

        Args:
          attempts: Maximum number of attempts, including the first. 1 means no retry.
          delay: Delay before the second attempt: seconds, or a timedelta; or a plain function of
            ``(error, attempt)`` that returns the delay after each attempt.
          backoff: Factor by which the delay grows with each attempt. Ignored if *delay* is a
            function.
          max_delay: Maximum delay, in seconds or as a timedelta. If an error requests more with its
            ``retry_after``, the step fails at once.
          jitter: Maximum random change of a delay, as a fraction of it, in both directions. It
            keeps many runs from retrying at the same time. Drawn once per delay, and recorded.
          on: Only these exceptions are retried.
          when: A plain function of the error. Only errors for which it returns true are retried.
            *on* and *when* must both hold; for an exception group, for each member.

        Raises:
          ValueError: if an argument is invalid.
        """
        _check(attempts, backoff, jitter, on, when)
        limit = None if max_delay is None else _seconds("max_delay", max_delay)
        first = delay if callable(delay) else _seconds("delay", delay)
        self.__attrs_init__(attempts, first, backoff, limit, jitter, on, when)

    def delay_after(self, error: BaseException, attempt: int) -> float | None:
        """Return the seconds until the next attempt; None if there is none.

        `NonRetryableError` and `InvalidValueError` are never retried, because the next attempt
        would fail in the same way.

        Args:
          error: The exception of the attempt.
          attempt: Number of the attempt, counted from 1.

        Raises:
          InvalidValueError: if the function *delay* does not return a duration.
          Exception: any exception from *delay* or *when*.
        """
        if attempt >= self.attempts or not self._matches(error):
            return None
        longest = LONGEST if self.max_delay is None else min(self.max_delay, LONGEST)
        asked = _retry_after(error)
        if asked > longest:
            return None
        seconds = max(min(self._computed(error, attempt), longest), asked)
        if self.jitter:
            seconds *= 1 + self.jitter * random.uniform(-1, 1)
        return max(min(seconds, longest), asked)

    def _computed(self, error: BaseException, attempt: int) -> float:
        if not callable(self.delay):
            try:
                return self.delay * self.backoff ** (attempt - 1)
            except OverflowError:
                return LONGEST if self.delay else 0.0
        given = self.delay(error, attempt)
        seconds = in_seconds(given)
        if seconds is None or seconds < 0:
            fault = Fault("", f"expected seconds >= 0 or a timedelta, received {given!r}")
            raise InvalidValueError("delay", "Retry", (fault,))
        return seconds

    def _matches(self, error: BaseException) -> bool:
        if isinstance(error, BaseExceptionGroup):
            return all(self._matches(inner) for inner in error.exceptions)
        if isinstance(error, NonRetryableError | InvalidValueError):
            return False
        return isinstance(error, self.on) and (self.when is None or bool(self.when(error)))


def _retry_after(error: BaseException) -> float:
    """Return the delay in seconds that an error requests; for a group, the longest."""
    if isinstance(error, BaseExceptionGroup):
        return max(map(_retry_after, error.exceptions))
    try:
        given = error.retry_after  # type: ignore[attr-defined]
    except Exception:  # it has none, or a property of its class fails
        return 0.0
    return max(in_seconds(given) or 0.0, 0.0)


# ---------------------------------------------------------------- checks
def _seconds(name: str, given: object) -> float:
    seconds = finite_seconds(given)
    if seconds is None:
        raise ValueError(f"{name} must be seconds >= 0 or a timedelta, not {given!r}")
    return seconds


def _check(attempts: object, backoff: object, jitter: object, on: object, when: object) -> None:
    if not is_whole_number(attempts) or attempts < 1:
        raise ValueError(f"attempts must be a whole number >= 1, not {attempts!r}")
    if not (is_number(backoff) and 0 < backoff < math.inf):
        raise ValueError(f"backoff must be a number > 0, not {backoff!r}")
    if not (is_number(jitter) and 0 <= jitter <= 1):
        raise ValueError(f"jitter must be a fraction between 0 and 1, not {jitter!r}")
    if not (isinstance(on, tuple) and all(map(_is_exception, on))):
        raise ValueError(f"on must be a tuple of exception classes, not {on!r}")
    if when is not None and not callable(when):
        raise ValueError(f"when must be a function of the error, not {when!r}")


def _is_exception(cls: object) -> bool:
    return isinstance(cls, type) and issubclass(cls, BaseException)
