"""The clock by which claims on a file expire.

It is not the calendar's, which is set: by an operator, by a server of time, or by a machine that
wakes up. It counts the seconds since the machine was started, sleep included, and is the same
for all its processes. When the machine starts again it begins anew under another name, and then
nobody lives who could hold a claim.
"""

from __future__ import annotations

import sqlite3
import time
from functools import cache
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
CALENDAR = "calendar"
"""Name of the clock where the machine does not tell when it was started."""


@cache
def clock_name() -> str:
    """Return what tells this clock from those of other machines and earlier starts."""
    try:
        return BOOT_ID.read_text("ascii").strip() or CALENDAR
    except OSError:
        return CALENDAR


def clock_time() -> float:
    """Return the seconds that this clock shows."""
    if clock_name() == CALENDAR:
        return time.time()
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def teach(connection: sqlite3.Connection) -> None:
    """Let statements ask for the time."""
    connection.create_function("trioflow_time", 0, clock_time)
    connection.create_function("trioflow_clock", 0, clock_name)
