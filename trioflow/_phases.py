"""The phases of a run, and all ways from one to the next.

Half of them is told by the run's events: `trioflow.testing.check_events` follows them through the
same table. The other half is what one process knows of a run besides: that it is about to start
it, has halted it, or has only found it in a store.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping


class Phase(enum.Enum):
    """Where a run is in its life, as one process sees it."""

    after: dict[str, Phase]
    """The phases that may follow, by what leads there. A dict of pairs would cost each run the hash
    of a phase, which Python computes in Python."""

    PENDING = "pending"
    """It was created and has not been started."""
    STARTING = "starting"
    """It has its input and is about to be driven here. No event has happened."""
    RUNNING = "running"
    """A part of it is driven here, or is about to be."""
    WAITING = "waiting"
    """It is suspended or paused. Nothing of it runs."""
    ENDING = "ending"
    """It is canceled, and its last event is still to come."""
    FINISHED = "finished"
    """Its last event has happened."""
    HALTED = "halted"
    """It was driven here and is not any more. Its journal ends before that; it can be recovered."""
    ELSEWHERE = "elsewhere"
    """Its journal is unfinished: another process drives it, or its process has died."""
    UNREADABLE = "unreadable"
    """Its journal holds values that do not fit the types of its workflow."""


CALL = "call"
"""Stands for the events of step calls, which do not change the phase."""

BY_EVENT: Mapping[tuple[Phase, str], Phase] = {
    (Phase.PENDING, "start"): Phase.RUNNING,
    (Phase.RUNNING, CALL): Phase.RUNNING,
    (Phase.RUNNING, "event-received"): Phase.RUNNING,
    (Phase.RUNNING, "recover"): Phase.RUNNING,
    (Phase.RUNNING, "suspended"): Phase.WAITING,
    (Phase.RUNNING, "paused"): Phase.WAITING,
    (Phase.RUNNING, "canceled"): Phase.ENDING,
    (Phase.RUNNING, "finish"): Phase.FINISHED,
    (Phase.WAITING, "finish"): Phase.WAITING,
    (Phase.WAITING, "event-received"): Phase.WAITING,
    (Phase.WAITING, "resume"): Phase.RUNNING,
    (Phase.WAITING, "canceled"): Phase.ENDING,
    (Phase.ENDING, "event-received"): Phase.ENDING,
    (Phase.ENDING, "finish"): Phase.FINISHED,
}
"""Phase and type of the next event to next phase. What is not here must not happen."""

BY_PROCESS: Mapping[tuple[Phase, str], Phase] = {
    (Phase.PENDING, "begin"): Phase.STARTING,
    (Phase.STARTING, "start"): Phase.RUNNING,
    (Phase.ELSEWHERE, "recover"): Phase.RUNNING,
    # A part that was halted has ended in this process's memory, but not in the journal.
    (Phase.WAITING, "halt"): Phase.HALTED,
    (Phase.FINISHED, "halt"): Phase.HALTED,
    **{
        (before, f"found {after.value}"): after
        for before in (Phase.PENDING, Phase.STARTING, Phase.WAITING, Phase.ELSEWHERE)
        for after in (Phase.WAITING, Phase.ELSEWHERE, Phase.FINISHED, Phase.UNREADABLE)
    },
}
"""The same for what a process does with a run, or finds in its journal."""

TRANSITIONS: Mapping[tuple[Phase, str], Phase] = {**BY_EVENT, **BY_PROCESS}
for _phase in Phase:
    _phase.after = {cause: to for (before, cause), to in TRANSITIONS.items() if before is _phase}
