"""Every shortcut, by its id."""

from __future__ import annotations

from benchmarks.shortcuts import calls, events, journal, reading, runs, values
from benchmarks.shortcuts.shortcut import Shortcut

SHORTCUTS: dict[str, Shortcut] = {
    shortcut.id: shortcut
    for shortcut in (
        *events.SHORTCUTS,
        *journal.SHORTCUTS,
        *calls.SHORTCUTS,
        *runs.SHORTCUTS,
        *reading.SHORTCUTS,
        *values.SHORTCUTS,
    )
}
