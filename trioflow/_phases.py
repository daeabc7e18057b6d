"""The phases of a run, and all transitions between them.

Some transitions follow from the run's events: `trioflow.testing.check_events` uses the same table.
The others come from the process: it is about to start a run, has halted it, or has found it in a
store.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping


class Phase(enum.Enum):
    """The phase of a run, as seen by one process."""

    after: dict[str, Phase]
    """The next phases, by cause. Not a dict of pairs, because hashing an enum member is slow."""

    PENDING = "pending"
    """The run was created and has not been started."""
    STARTING = "starting"
    """It has its input and is about to be driven here. It has no events yet."""
    RUNNING = "running"
    """A part of it is driven here, or is about to be."""
    WAITING = "waiting"
    """It is suspended or paused. None of its steps runs."""
    ENDING = "ending"
    """It is canceled, and its last event is still pending."""
    FINISHED = "finished"
    """It has emitted its last event."""
    HALTED = "halted"
    """It is no longer driven here. Its journal is unfinished; it can be recovered."""
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
"""Next phase, by phase and type of the next event. Other transitions are invalid."""

BY_PROCESS: Mapping[tuple[Phase, str], Phase] = {
    (Phase.PENDING, "begin"): Phase.STARTING,
    (Phase.STARTING, "start"): Phase.RUNNING,
    (Phase.ELSEWHERE, "recover"): Phase.RUNNING,
    # A halted part has ended in the memory of this process, but not in the journal.
    (Phase.WAITING, "halt"): Phase.HALTED,
    (Phase.FINISHED, "halt"): Phase.HALTED,
    **{
        (before, f"found {after.value}"): after
        for before in (Phase.PENDING, Phase.STARTING, Phase.WAITING, Phase.ELSEWHERE)
        for after in (Phase.WAITING, Phase.ELSEWHERE, Phase.FINISHED, Phase.UNREADABLE)
    },
}
"""Next phase, by phase and what a process does with a run or finds in its journal."""

TRANSITIONS: Mapping[tuple[Phase, str], Phase] = {**BY_EVENT, **BY_PROCESS}
for _phase in Phase:
    _phase.after = {cause: to for (before, cause), to in TRANSITIONS.items() if before is _phase}
