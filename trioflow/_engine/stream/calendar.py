"""How Trio's clock is tied to the calendar, for all runs of one ``trio.run``."""

from __future__ import annotations

import math
import time

import trio

CLOCK_ERROR = 0.001
"""Seconds by which the times of events may be off the calendar before they follow it again, so that
they never stand still if it is Trio's clock alone that moves on."""
CLOCK_DRIFT = 1.0
"""Seconds by which Trio's clock and the machine's may differ and still be one clock."""

_tie: trio.lowlevel.RunVar[tuple[float, float]] = trio.lowlevel.RunVar("tie")
"""What to add to Trio's clock to get seconds since the epoch, and to get the machine's own clock:
the latter is constant, unless Trio's is a virtual one."""
_UNTIED = (-math.inf, -math.inf)


def epoch_now(elapsed: float) -> float:
    """Return what to add to Trio's clock, which shows *elapsed*, to get seconds since the epoch.

    Follows the calendar in both directions, if that is set anew; but virtual time that is ahead of
    the calendar stays so.
    """
    epoch, offset = time.time() - elapsed, time.perf_counter() - elapsed
    known_epoch, known_offset = _tie.get(_UNTIED)
    ahead = epoch - known_epoch
    if abs(ahead) <= CLOCK_ERROR or (ahead < 0 and abs(offset - known_offset) > CLOCK_DRIFT):
        return known_epoch
    _tie.set((epoch, offset))
    return epoch


def calendar_now() -> float:
    """Return the time by the calendar, as runs of this ``trio.run`` have it: seconds since the
    epoch."""
    elapsed = trio.current_time()
    return epoch_now(elapsed) + elapsed


def is_virtual() -> bool:
    """Tell whether Trio's clock has moved on without the machine's since a run first used it."""
    offset = time.perf_counter() - trio.current_time()
    return abs(offset - _tie.get(_UNTIED)[1]) > CLOCK_DRIFT
