"""A clock for measurements in which time must not matter."""

from __future__ import annotations

import trio


class StandingClock(trio.abc.Clock):
    """Time that stands still.

    Under callgrind a step takes milliseconds, and whatever is done after so much time would
    be done at each of them.
    """

    def start_clock(self) -> None: ...

    def current_time(self) -> float:
        return 0.0

    def deadline_to_sleep_time(self, deadline: float) -> float:
        return max(0.0, deadline)
