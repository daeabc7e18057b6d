"""Plain twins of the shortcuts of `benchmarks.shortcuts.events`: same arguments, same result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from trioflow import events as ev
from trioflow import record as records
from trioflow._engine.running.call import Call
from trioflow._engine.stream.log import RunLog
from trioflow.record import RunRecord
from trioflow.step_record import StepRecord

E = TypeVar("E", bound=ev.Event)


# ---------------------------------------------------------------- events
def emit(log: RunLog, event_type: type[E], **fields: Any) -> E:
    """Do what `RunLog.emit` does, with the class of the event as it is."""
    event = next_event(log, event_type, fields)
    log.add(event)
    return event


def next_event(log: RunLog, event_type: type[E], fields: Mapping[str, Any]) -> E:
    return event_type(run_id=log.run_id, seq=log.record.next_seq, at=log.tick(), **fields)


def step_start(call: Call, input: Any, arms: tuple[str, ...] | None) -> ev.StepStart:
    return ev.StepStart(
        **_place(call),
        input=input,
        kind=call.plan.kind,
        iteration=call.iteration,
        resumed=call.resumed,
        resume_data=call.resume_data,
        plugin=call.plan.plugin,
        arms=arms,
    )


def step_output(call: Call, chunk: Any) -> ev.StepOutput:
    return ev.StepOutput(**_place(call), chunk=chunk)


def step_progress(
    loop: Call,
    index: int,
    done: int,
    total: int,
    status: ev.ItemStatus,
    output: Any,
    error: BaseException | None,
    state_updates: Mapping[str, Any] | None,
    payload: Any,
    label: str | None,
    asks: Mapping[str, ev.Question] | None,
    attempts: int,
) -> ev.StepProgress:
    return ev.StepProgress(
        **_place(loop),
        index=index,
        done=done,
        total=total,
        status=status,
        output=output,
        error=error,
        state_updates=state_updates,
        payload=payload,
        label=label,
        asks=asks,
        attempts=attempts,
    )


def step_end(
    call: Call,
    started_at: float,
    status: ev.CallStatus,
    output: Any,
    error: BaseException | None,
    state_updates: Mapping[str, Any] | None,
) -> tuple[ev.StepResult, ev.StepFinish]:
    place = _place(call)
    result = ev.StepResult(
        **place, status=status, output=output, error=error, state_updates=state_updates
    )
    place["seq"] += 1
    seconds = place["at"] - started_at
    return result, ev.StepFinish(**place, attempts=call.attempt, seconds=seconds)


def _place(call: Call) -> dict[str, Any]:
    log = call.scope.core.log
    return {
        "run_id": log.run_id,
        "seq": log.record.next_seq,
        "at": log.tick(),
        "id": call.id,
        "address": call.address,
        "round": call.round,
    }


# ---------------------------------------------------------------- records
new_record: Callable[..., StepRecord] = StepRecord


def fold_start(run: RunRecord, event: ev.StepStart) -> None:
    """Fold the start of a call, with the ordinary constructor and `RunRecord.before`."""
    record = StepRecord(
        id=event.id,
        address=event.address,
        kind=event.kind,
        status="running",
        input=event.input,
        started_at=event.at,
        iteration=event.iteration,
        arms=event.arms,
    )
    before = run.before(event.address)
    if before is not None:
        records._continue_call(run, record, before, event)
    elif event.resumed:
        record.resumed, record.resume_data, record.resumed_at = True, event.resume_data, event.at
    records._settle(run, event.address, for_good=True)
    run.open[event.address] = record
    run.records.append(record)


def fold_end(run: RunRecord, result: ev.StepResult, finish: ev.StepFinish) -> None:
    """Fold both events with their reducers."""
    records.REDUCERS[ev.StepResult](run, result)
    records.REDUCERS[ev.StepFinish](run, finish)
    run.next_seq += 2


def calls_of(row: Sequence[StepRecord]) -> tuple[dict[str, StepRecord], dict[str, StepRecord]]:
    """Return the records by address, and the last one of each step by its id, looked up at once."""
    by_address: dict[str, StepRecord] = {}
    by_id: dict[str, StepRecord] = {}
    for record in row:
        by_address[record.address] = record
        if record.kind != "item":
            by_id[record.id] = record
    return by_address, by_id


def whole_state(run: RunRecord) -> tuple[object, ...]:
    """Return the parts of a state that are made when they are looked at."""
    return run.runtime_context, run.received, run.answers, run.calls, run.steps


# ---------------------------------------------------------------- the log
class PlainLog(RunLog):
    """A log that folds with `RunRecord.apply`, and each event of an end alone."""

    def add(self, event: ev.Event) -> None:
        self.record.apply(event)
        self._window.events.append(event)
        if self.record.next_seq >= self._window.mark:
            self.readers.pass_mark((event,))
        self._notify_hearers((event,))

    def add_end(self, result: ev.StepResult, finish: ev.StepFinish) -> None:
        self._add_each(result, finish)
