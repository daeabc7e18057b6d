"""What must hold of runs as wholes: each starts once, ends, and everyone is told the same of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.crash.flows import ALL
from tests.crash.history import History, Journal
from trioflow import events as ev
from trioflow.errors import CrashLoopError
from trioflow.testing import EventOrderError, check_events
from trioflow.wire import RecordedError

CRASH_LOOP = CrashLoopError.__name__
MAX_RECOVERIES = 3
"""How many crashes in a row the engines allow: their default."""


def journals_follow_the_grammar(history: History) -> Iterator[str]:
    """Every journal is one that a run without any crash could have had, but for `Recover`."""
    for journal in history.journals.values():
        try:
            check_events(journal.events, ALL[journal.workflow])
        except EventOrderError as exc:
            yield f"{journal.run}: {exc}"


def runs_end_with_a_reason(history: History) -> Iterator[str]:
    """Every run ends: well, or canceled by who has asked for it, or failed by its crashes."""
    cancels = {op.id: op.run for op in history.operations if op.kind.startswith("cancel")}
    for journal in history.journals.values():
        if journal.finish is None:
            last = journal.events[-1:]
            yield f"{journal.run} has not ended: {last}"
        elif journal.finish.status == "canceled":
            reasons = [event.reason for event in journal.of(ev.Canceled)]
            if [cancels.get(str(reason)) for reason in reasons] != [journal.run]:
                yield f"{journal.run} was canceled, but nobody has asked for it: {reasons}"
        elif journal.finish.status == "failed":
            yield from _not_by_crashes(journal)
        elif journal.workflow == "bomb":
            yield f"{journal.run} has ended well"


def _not_by_crashes(journal: Journal) -> Iterator[str]:
    finish = journal.finish
    assert finish is not None
    crashes = 0
    for event in journal.events:
        if isinstance(event, ev.StepResult):
            crashes = 0
        crashes += isinstance(event, ev.Recover) and event.crashed
    if not isinstance(finish.error, RecordedError) or finish.error.name != CRASH_LOOP:
        yield f"{journal.run} has failed: {finish.error!r}"
    elif crashes <= MAX_RECOVERIES:  # there are more if some do not count, since the run waited
        yield f"{journal.run} has failed after {crashes} crashes in a row"


def runs_start_once(history: History) -> Iterator[str]:
    """Of all that start a run of one id, one does; and what was acknowledged is there."""
    started: Counter[str] = Counter()
    for operation in history.operations:
        if operation.kind == "start_once" and operation.phase == "ok":
            started[operation.run or ""] += operation.data is True
            journal = history.journals.get(operation.run or "")
            if journal is None:
                yield f"{operation.run} was started by {operation.id}, and does not exist"
            elif operation.data and [e.by for e in journal.of(ev.Start)] != [operation.id]:
                yield f"{operation.run} was started by {operation.id}, and by another"
    yield from (f"{run} was started {n} times" for run, n in started.items() if n > 1)


def who_waits_is_told_the_end(history: History) -> Iterator[str]:
    """Whoever is told a final result is told what the journal says."""
    for operation in history.operations:
        if operation.kind != "wait" or operation.phase != "ok":
            continue
        status = operation.data["status"]
        journal = history.journals.get(operation.run or "")
        finish = None if journal is None else journal.finish
        if status not in ("success", "failed", "canceled"):
            continue
        if finish is None or finish.status != status:
            yield f"{operation.run} is said to be {status}, but ended so: {finish}"
        elif status == "success" and finish.result != operation.data["output"]:
            yield f"{operation.run} is said to give {operation.data['output']!r}: {finish}"


def nothing_goes_wrong(history: History) -> Iterator[str]:
    """No operation raises what its documentation does not say."""
    for operation in history.operations:
        if operation.phase == "wrong":
            yield f"{operation.kind} {operation.id} of {operation.run}: {operation.error}"
