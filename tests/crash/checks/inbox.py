"""What must hold of what is asked of runs: it has its effect once, or it was refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.crash.history import History, Journal, Operation
from trioflow import events as ev

SLACK = 2.0
"""Seconds in which what was acknowledged may be overtaken by the end of the run, counted from
when somebody has driven it."""


def events_arrive_once(history: History) -> Iterator[str]:
    """Every event in a journal was sent to that run, and is there once."""
    sent = {op.id: op for op in history.operations if op.kind in ("send", "send_here")}
    arrived: Counter[str] = Counter()
    for journal in history.journals.values():
        for event in journal.of(ev.EventReceived):
            operation = sent.get(event.data)
            arrived[event.data] += 1
            if operation is None or (operation.run, operation.name) != (journal.run, event.event):
                yield f"{journal.run} has an event {event.data!r} that nobody has sent to it"
    yield from (f"event {id} has arrived {n} times" for id, n in arrived.items() if n > 1)


def acknowledged_events_arrive(history: History) -> Iterator[str]:
    """Every event that was acknowledged is in the journal, unless the run ended first."""
    for operation in _acknowledged(history, "send"):
        journal = history.journals.get(operation.run or "")
        if journal is None:
            yield f"{operation.id} was sent to {operation.run}, which does not exist"
        elif operation.id not in _asked_for(journal) and not _is_overtaken(operation, journal):
            yield f"event {operation.id} ({operation.name}) for {operation.run} is lost"


def events_are_taken_once(history: History) -> Iterator[str]:
    """No event is taken twice, and each step gets what its event has brought."""
    for journal in history.journals.values():
        received = {event.seq: event for event in journal.of(ev.EventReceived)}
        results = {e.step_call_id: e.output for e in journal.of(ev.StepResult) if e.output}
        for seq, calls in _takers(journal).items():
            if seq not in received:
                yield f"{journal.run} takes an event {seq} that it has not received"
            if len(calls) > 1:
                yield f"{journal.run} gives event {seq} to several calls: {sorted(calls)}"
            for call in calls:
                brought = received[seq].data if seq in received else None
                if call in results and brought not in _strings_in(results[call]):
                    yield f"{call} was given {brought!r} but its output is {results[call]!r}"


def _takers(journal: Journal) -> dict[int, set[str]]:
    """Return which calls have taken each event; one that runs again takes its own again."""
    takers: dict[int, set[str]] = {}
    for event in journal.of(ev.EventTaken):
        takers.setdefault(event.received, set()).add(event.step_call_id)
    return takers


def _strings_in(output: object) -> tuple[object, ...]:
    return tuple(output) if isinstance(output, list) else (output,)


def acknowledged_requests_have_their_effect_once(history: History) -> Iterator[str]:
    """What was asked for once happens once, whatever died meanwhile."""
    happened = Counter(id for journal in history.journals.values() for id in _asked_for(journal))
    yield from (f"{id} has its effect {n} times" for id, n in happened.items() if n > 1)
    for operation in _acknowledged(history, "answer", "cancel"):
        journal = history.journals.get(operation.run or "")
        if journal is None:
            yield f"{operation.id} was acknowledged by {operation.run}, which does not exist"
        elif happened[operation.id] == 0 and not _is_pointless(operation, journal):
            yield f"the {operation.kind} {operation.id} of {operation.run} is lost"


def _is_pointless(operation: Operation, journal: Journal) -> bool:
    """Tell whether another request of its kind came first, or the end of the run."""
    kinds = (ev.Resume, ev.Canceled) if operation.kind == "answer" else (ev.Canceled,)
    others = [e for e in journal.events if isinstance(e, kinds) and e.at >= operation.invoked]
    return bool(others) or _is_overtaken(operation, journal)


def _is_overtaken(operation: Operation, journal: Journal) -> bool:
    """Tell whether the run ended when who drove it could hardly know what was asked."""
    if journal.finish is None:
        return False
    parts = [e.at for e in journal.events if isinstance(e, (ev.Start, ev.Recover, ev.Resume))]
    return journal.finish.at < max(operation.completed, *parts) + SLACK


def refused_requests_have_no_effect(history: History) -> Iterator[str]:
    """What was refused does not happen."""
    happened = {id for journal in history.journals.values() for id in _asked_for(journal)}
    for operation in history.operations:
        # Who waits for the end is told about the end, which says nothing about the answer.
        is_about_end = operation.kind in ("answer_here", "attach")
        if operation.phase == "fail" and operation.id in happened and not is_about_end:
            yield f"the {operation.kind} {operation.id} was refused: {operation.error}"


def nothing_is_left(history: History) -> Iterator[str]:
    """No request is in the inbox of a run that has ended."""
    yield from history.requests


def _acknowledged(history: History, *kinds: str) -> Iterator[Operation]:
    return (op for op in history.operations if op.phase == "ok" and op.kind in kinds)


def _asked_for(journal: Journal) -> list[str]:
    """Return the operations whose effect is in a journal."""
    found = []
    for event in journal.events:
        if isinstance(event, (ev.EventReceived, ev.Resume)):
            found.append(str(event.data))  # methods of runs do not say who asks
        elif isinstance(event, ev.Canceled):
            found.append(str(event.reason))
        elif isinstance(event, ev.Start):
            found.append(str(event.by))
    return found
