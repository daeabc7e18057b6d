"""Wait until a time, although the calendar may change and the machine may sleep."""

from __future__ import annotations

import trio

from trioflow._calendar import is_virtual
from trioflow._engine.stream.log import RunLog

LOOK = 60.0
"""Seconds after which a long wait checks the calendar again."""


async def sleep_until(log: RunLog, until: float, *, by_calendar: bool = False) -> None:
    """Wait until *until*: seconds since the epoch, on the run's clock or by the calendar.

    These differ for a run that was recorded by a clock that was ahead.
    """
    while True:
        deadline = until - (log.calendar_epoch if by_calendar else log.epoch)
        await trio.sleep_until(next_look(deadline))
        if trio.current_time() >= deadline:
            return
        log.start_clock()


def next_look(deadline: float) -> float:
    """Return when a wait up to *deadline* next checks the calendar, on Trio's clock."""
    return deadline if is_virtual() else min(deadline, trio.current_time() + LOOK)
