"""Shortcuts in how events are made, folded and kept."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks.shortcuts import plain_events as plain
from benchmarks.shortcuts.shortcut import Shortcut, Work
from benchmarks.shortcuts.stage import (
    chunk_events,
    new_log,
    started_call,
)
from trioflow import events as ev
from trioflow._engine.running import fast_events
from trioflow._engine.stream.log import RunLog
from trioflow.record import REDUCERS, RunRecord, fold_end
from trioflow.step_record import Calls, StepRecord, new_record


def event_by_class(number: int) -> tuple[Work, Work]:
    def fast() -> None:
        log = new_log()
        for _ in range(number):
            log.emit(ev.StepOutput, id="step", address="0", chunk=1)

    def slow() -> None:
        log = new_log()
        for _ in range(number):
            plain.emit(log, ev.StepOutput, id="step", address="0", chunk=1)

    return fast, slow


def event_by_call(number: int) -> tuple[Work, Work]:
    call = started_call()

    def fast() -> None:
        for _ in range(number):
            fast_events.step_start(call, 1, None)
            fast_events.step_end(call, 0.0, "success", 1, None, None)

    def slow() -> None:
        for _ in range(number):
            plain.step_start(call, 1, None)
            plain.step_end(call, 0.0, "success", 1, None, None)

    return fast, slow


def step_record(number: int) -> tuple[Work, Work]:
    def fast() -> None:
        for _ in range(number):
            new_record("step", "0", "step", "running", 1, 0.0)

    def slow() -> None:
        for _ in range(number):
            plain.new_record("step", "0", "step", "running", 1, 0.0)

    return fast, slow


def fold_starts(number: int) -> tuple[Work, Work]:
    starts = _starts(number)

    def fold_all(fold_start: Callable[[RunRecord, ev.StepStart], None]) -> None:
        state = RunRecord()
        for event in starts:
            fold_start(state, event)

    reducer = REDUCERS[ev.StepStart]
    return lambda: fold_all(reducer), lambda: fold_all(plain.fold_start)


def fold_ends(number: int) -> tuple[Work, Work]:
    starts, ends = _starts(number), _ends(number)

    def fold_all(fold_end: Callable[[RunRecord, ev.StepResult, ev.StepFinish], None]) -> None:
        state = _started(starts)
        for result, finish in ends:
            fold_end(state, result, finish)

    return lambda: fold_all(fold_end), lambda: fold_all(plain.fold_end)


def fold_event(number: int) -> tuple[Work, Work]:
    chunks = chunk_events(number)

    def add_all(log: RunLog) -> None:
        for event in chunks:
            log.add(event)

    return lambda: add_all(new_log()), lambda: add_all(new_log(plain.PlainLog))


def add_ends(number: int) -> tuple[Work, Work]:
    starts, ends = _starts(number), _ends(number)

    def fast() -> None:
        log = _log_of(starts)
        for result, finish in ends:
            log.add_end(result, finish)

    def slow() -> None:
        log = _log_of(starts)
        for result, finish in ends:
            log._add_each(result, finish)

    return fast, slow


def calls_on_demand(number: int) -> tuple[Work, Work]:
    # Made one after the other and kept, so they lie in the memory as those of a run do.
    records = [new_record(f"step{n}", str(n), "step", "success", n, 0.0) for n in range(number)]

    def fast() -> None:
        row: list[StepRecord] = []
        Calls(row, "address"), Calls(row, "id")
        for record in records:
            row.append(record)  # noqa: PERF402 - one by one, as they come in a run

    def slow() -> None:
        row: list[StepRecord] = []
        by_address: dict[str, StepRecord] = {}
        by_id: dict[str, StepRecord] = {}
        for record in records:
            row.append(record)
            by_address[record.address] = record
            by_id[record.id] = record

    return fast, slow


def parts_on_demand(number: int) -> tuple[Work, Work]:
    def fast() -> None:
        for _ in range(number):
            RunRecord(run_id="run")

    def slow() -> None:
        for _ in range(number):
            plain.whole_state(RunRecord(run_id="run"))

    return fast, slow


# ---------------------------------------------------------------- the events of some steps
def _starts(number: int) -> list[ev.StepStart]:
    return [
        ev.StepStart(run_id="run", seq=1 + n, at=0.0, id=f"step{n}", address=str(n), input=1)
        for n in range(number)
    ]


def _ends(number: int) -> list[tuple[ev.StepResult, ev.StepFinish]]:
    """Return the events that end the steps, if they all run at once."""
    return [_end(n, 1 + number + 2 * n) for n in range(number)]


def _end(step: int, seq: int) -> tuple[ev.StepResult, ev.StepFinish]:
    id, address = f"step{step}", str(step)
    return (
        ev.StepResult(
            run_id="run", seq=seq, at=0.0, id=id, address=address, status="success", output=1
        ),
        ev.StepFinish(
            run_id="run", seq=seq + 1, at=0.0, id=id, address=address, attempts=1, seconds=0.0
        ),
    )


def _log_of(starts: list[ev.StepStart]) -> RunLog:
    log = new_log()
    for event in starts:
        log.add(event)
    return log


def _started(starts: list[ev.StepStart]) -> RunRecord:
    return _log_of(starts).record


SHORTCUTS = (
    Shortcut(
        "event-by-class",
        where="_engine/stream/drafts.py",
        fast="an event is filled before it takes on its frozen class",
        plain="the class of the event is called",
        per="event",
        make=event_by_class,
    ),
    Shortcut(
        "event-by-call",
        where="_engine/running/fast_events.py",
        fast="one function per frequent event sets its fields",
        plain="the class of the event is called",
        per="step",
        make=event_by_call,
    ),
    Shortcut(
        "step-record",
        where="step_record.py",
        fast="defaults of a record are looked up when they are asked for",
        plain="StepRecord(...)",
        per="record",
        make=step_record,
    ),
    Shortcut(
        "fold-start",
        where="record.py",
        fast="the reducer fills the record and looks up the one before itself",
        plain="StepRecord(...) and RunRecord.before",
        per="step",
        make=fold_starts,
        number=1000,
    ),
    Shortcut(
        "fold-end",
        where="record.py",
        fast="both events that end a call are folded by one function",
        plain="their two reducers",
        per="step",
        make=fold_ends,
        number=1000,
    ),
    Shortcut(
        "fold-event",
        where="_engine/stream/log.py",
        fast="the log calls the reducer of an event itself",
        plain="RunRecord.apply, which checks the order as for a journal",
        per="event",
        make=fold_event,
    ),
    Shortcut(
        "add-end",
        where="_engine/stream/log.py",
        fast="both events that end a call are added at once",
        plain="RunLog.add for each",
        per="step",
        make=add_ends,
        number=1000,
    ),
    Shortcut(
        "calls-on-demand",
        where="step_record.py",
        fast="records are put in a row, and into dicts when one is looked up",
        plain="each record is put into both dicts at once",
        per="record, of 100,000",
        make=calls_on_demand,
        number=100_000,
    ),
    Shortcut(
        "parts-on-demand",
        where="record.py",
        fast="what most runs never need is made when it is looked at",
        plain="it is made with the state",
        per="run",
        make=parts_on_demand,
    ),
)
