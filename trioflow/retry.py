"""When a failed attempt is followed by another."""

from __future__ import annotations

import math

import attrs

from trioflow._numbers import is_number, is_whole_number
from trioflow.errors import InvalidValueError, NonRetryableError

LONGEST = 1e12
"""The longest wait in seconds: it is recorded, and JSON has no infinity."""


@attrs.frozen
class Retry:
    """How often and when a step is tried again.

    The wait before attempt ``n + 1`` is ``delay * backoff ** (n - 1)`` seconds.

    Each attempt gets the same input object: what one attempt has changed in it, the next one finds
    changed. Only after a restart it is a copy again, as recorded. State updates of a failed attempt
    are dropped. After a restart ``on`` holds for recorded exceptions as well.
    """

    attempts: int = 1
    """How many attempts are made in all, the first included. 1 means no retry."""
    delay: float = 0.0
    """Seconds to wait after the first failed attempt."""
    backoff: float = 1.0
    """By how much the wait grows from attempt to attempt."""
    on: tuple[type[BaseException], ...] = (Exception,)
    """Only these exceptions are followed by another attempt."""

    def __attrs_post_init__(self) -> None:
        if not is_whole_number(self.attempts) or self.attempts < 1:
            raise ValueError(f"attempts must be a whole number >= 1, not {self.attempts!r}")
        if not (is_number(self.delay) and 0 <= self.delay < math.inf):
            raise ValueError(f"delay must be a number of seconds >= 0, not {self.delay!r}")
        if not (is_number(self.backoff) and 0 < self.backoff < math.inf):
            raise ValueError(f"backoff must be a number > 0, not {self.backoff!r}")
        if not (isinstance(self.on, tuple) and all(map(_is_exception, self.on))):
            raise ValueError(f"on must be a tuple of exception classes, not {self.on!r}")

    def allows(self, error: BaseException, attempt: int) -> bool:
        """Tell whether *error* in attempt number *attempt* is followed by another one.

        Of a group every exception must match. `NonRetryableError` and values that do not
        fit their type never do: the next attempt could not end differently.
        """
        return attempt < self.attempts and self._matches(error)

    def seconds_after(self, attempt: int) -> float:
        """Return how long to wait after attempt number *attempt* failed, in seconds."""
        try:
            seconds = self.delay * self.backoff ** (attempt - 1)
        except OverflowError:
            seconds = math.inf if self.delay else 0.0
        return min(seconds, LONGEST)

    def _matches(self, error: BaseException) -> bool:
        if isinstance(error, BaseExceptionGroup):
            return all(self._matches(inner) for inner in error.exceptions)
        if isinstance(error, NonRetryableError | InvalidValueError):
            return False
        return isinstance(error, self.on)


def _is_exception(cls: object) -> bool:
    return isinstance(cls, type) and issubclass(cls, BaseException)
