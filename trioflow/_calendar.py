"""The relation of Trio's clock to the calendar, for all runs of one ``trio.run``."""

from __future__ import annotations

import math
import time

import trio

CLOCK_ERROR = 0.001
"""Seconds by which event times may differ from the calendar before they follow it again. This keeps
them moving while only Trio's clock advances."""
CLOCK_DRIFT = 1.0
"""Seconds by which Trio's clock and the machine's may differ and still count as one clock."""

_tie: trio.lowlevel.RunVar[tuple[float, float]] = trio.lowlevel.RunVar("tie")
"""The offsets from Trio's clock to seconds since the epoch and to the machine's own clock. The
latter is constant, unless Trio's clock is virtual."""
_UNTIED = (-math.inf, -math.inf)


def epoch_now(elapsed: float) -> float:
    """Return the offset from Trio's clock, which shows *elapsed*, to seconds since the epoch.

    Follows changes of the calendar in both directions, except that virtual time that is ahead of
    the calendar stays ahead.
    """
    epoch, offset = time.time() - elapsed, time.perf_counter() - elapsed
    known_epoch, known_offset = _tie.get(_UNTIED)
    ahead = epoch - known_epoch
    if abs(ahead) <= CLOCK_ERROR or (ahead < 0 and abs(offset - known_offset) > CLOCK_DRIFT):
        return known_epoch
    _tie.set((epoch, offset))
    return epoch


def calendar_now() -> float:
    """Return the calendar time for the runs of this ``trio.run``: seconds since the epoch."""
    elapsed = trio.current_time()
    return epoch_now(elapsed) + elapsed


def is_virtual() -> bool:
    """Return whether Trio's clock has advanced without the machine's since a run first used it."""
    offset = time.perf_counter() - trio.current_time()
    return abs(offset - _tie.get(_UNTIED)[1]) > CLOCK_DRIFT
