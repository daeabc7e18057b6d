"""Clocks for measurements in which the time of the day must not matter."""

from __future__ import annotations

import time

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


class OwnTimeClock(trio.abc.Clock):
    """Time that passes only while this process has a processor.

    What other processes take on a busy machine delays nobody then. Something must always be
    busy: while all tasks sleep this time stands still, too.
    """

    def start_clock(self) -> None: ...

    def current_time(self) -> float:
        return time.process_time()

    def deadline_to_sleep_time(self, deadline: float) -> float:
        return max(0.0, deadline - time.process_time())
