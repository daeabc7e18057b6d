"""The clock by which claims on a file expire.

It is not the system clock, which operators, time servers and waking machines set. It counts
the seconds since the machine was started, including sleep, and is the same for all processes
of the machine. After a reboot it starts again under another name; no owner of a claim is then
alive.
"""

from __future__ import annotations

import sqlite3
import time
from functools import cache
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
CALENDAR = "calendar"
"""Name of the system clock, used where the machine has no boot id."""


@cache
def clock_name() -> str:
    """Return a name that distinguishes this clock from other machines and earlier boots."""
    try:
        return BOOT_ID.read_text("ascii").strip() or CALENDAR
    except OSError:
        return CALENDAR


def clock_time() -> float:
    """Return the time of this clock in seconds."""
    if clock_name() == CALENDAR:
        return time.time()
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def teach(connection: sqlite3.Connection) -> None:
    """Register the functions that return the time in statements."""
    connection.create_function("trioflow_time", 0, clock_time)
    connection.create_function("trioflow_clock", 0, clock_name)
