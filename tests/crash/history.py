"""All that has happened in a campaign, as the checks read it: notes and journals side by side.

Times are seconds since the epoch. All processes are on one machine, whose clock nobody sets.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import attrs

from trioflow import events as ev

E = TypeVar("E", bound=ev.Event)
Phase = Literal["ok", "fail", "info", "wrong", "open"]


@attrs.frozen(kw_only=True)
class Body:
    """One run of a body, in one process."""

    process: str
    call: str
    """The step call id."""
    run: str
    begin: float
    end: float = math.inf
    """When it was left; never, if its process died before."""
    has_given: bool = False
    """Whether it came to its end and was about to return *value*."""
    value: Any = None


@attrs.frozen(kw_only=True)
class Operation:
    """Something that a worker has asked an engine for."""

    id: str
    process: str
    kind: str
    run: str | None = None
    name: str | None = None
    """Of an event."""
    invoked: float
    completed: float = math.inf
    phase: Phase = "open"
    """How it ended; ``open`` if its process died before."""
    error: str | None = None
    data: Any = None
    """What it has given."""


@attrs.define(kw_only=True)
class Process:
    """When a process was alive, and when it was stopped meanwhile."""

    died: float = math.inf
    stops: list[tuple[float, float]] = attrs.field(factory=list)
    """From a SIGSTOP to its SIGCONT; to its death if there was none."""


@attrs.frozen(kw_only=True)
class Journal:
    """What the store has of a run in the end."""

    run: str
    workflow: str
    events: Sequence[ev.Event]

    def of(self, kind: type[E]) -> list[E]:
        """Return all events of a class."""
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def finish(self) -> ev.Finish | None:
        """The last event, if the run has finished."""
        last = self.events[-1] if self.events else None
        return last if isinstance(last, ev.Finish) else None


@attrs.frozen(kw_only=True)
class History:
    """Notes and journals."""

    bodies: Sequence[Body] = ()
    operations: Sequence[Operation] = ()
    processes: Mapping[str, Process] = attrs.field(factory=dict)
    journals: Mapping[str, Journal] = attrs.field(factory=dict)
    requests: Sequence[str] = ()
    """What is left in the inbox."""


def read_history(
    notes: Iterable[Mapping[str, Any]],
    journals: Mapping[str, Journal],
    requests: Sequence[str] = (),
) -> History:
    """Make a history of the lines that all processes have written."""
    bodies: dict[str, Body] = {}
    operations: dict[str, Operation] = {}
    processes: dict[str, Process] = {}
    for line in sorted(notes, key=lambda line: line["at"]):
        if line["what"] == "body":
            bodies[line["id"]] = _body(line, bodies.get(line["id"]))
        elif line["what"] == "operation":
            operations[line["id"]] = _operation(line, operations.get(line["id"]))
        else:
            _live(processes, line)
    return History(
        bodies=tuple(bodies.values()),
        operations=tuple(operations.values()),
        processes=processes,
        journals=journals,
        requests=requests,
    )


def _body(line: Mapping[str, Any], begun: Body | None) -> Body:
    if begun is None:
        return Body(process=line["process"], call=line["call"], run=line["run"], begin=line["at"])
    if line["phase"] == "end":
        return attrs.evolve(begun, end=line["at"], has_given=True, value=line["value"])
    return attrs.evolve(begun, end=line["at"])


def _operation(line: Mapping[str, Any], invoked: Operation | None) -> Operation:
    if invoked is None:
        return Operation(
            id=line["id"],
            process=line["process"],
            kind=line["kind"],
            run=line["run"],
            name=line["name"],
            invoked=line["at"],
        )
    return attrs.evolve(
        invoked,
        completed=line["at"],
        phase=line["phase"],
        error=line["error"],
        data=line["data"],
    )


def _live(processes: dict[str, Process], line: Mapping[str, Any]) -> None:
    process = processes.setdefault(line["subject"], Process())
    if line["what"] == "stop":
        process.stops.append((line["at"], math.inf))
    elif line["what"] == "continue":
        process.stops[-1] = (process.stops[-1][0], line["at"])
    elif line["what"] in ("kill", "end"):
        process.died = min(process.died, line["at"])


def counts(history: History) -> Counter[str]:
    """Return how much of what has happened."""
    found: Counter[str] = Counter()
    for operation in history.operations:
        found[f"{operation.kind}: {operation.phase}"] += 1
    begun = Counter(body.call for body in history.bodies)
    found["bodies"] = begun.total()
    found["bodies run again, unrecorded"] = begun.total() - len(begun)
    for journal in history.journals.values():
        finish = journal.finish
        found[f"runs {'unfinished' if finish is None else finish.status}"] += 1
        found["takeovers after a crash"] += sum(e.crashed for e in journal.of(ev.Recover))
        found["takeovers after a halt"] += sum(not e.crashed for e in journal.of(ev.Recover))
        found["answers taken"] += len(journal.of(ev.Resume))
        found["events received"] += len(journal.of(ev.EventReceived))
        found["events taken"] += len(journal.of(ev.EventTaken))
    return found
