"""Shortcuts in how events are made, folded and kept give the same as their plain twins."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from trio.testing import MockClock

from benchmarks.shortcuts import plain_events as plain
from benchmarks.shortcuts.stage import (
    started_call,
)
from tests.properties.shown import shows
from trioflow import EventStream, StepRecord, fold
from trioflow import events as ev
from trioflow import record as records
from trioflow._engine.running import fast_events
from trioflow._engine.running.call import Call
from trioflow._engine.stream.log import RunLog
from trioflow._engine.stream.reader import Reader
from trioflow.record import RunRecord, fold_end
from trioflow.step_record import Calls, new_record
from trioflow.testing.strategies import event_logs

VALUES = st.none() | st.integers() | st.text("ab") | st.lists(st.integers())
IDS = st.sampled_from(["a", "b", "a.b"])
TIMES = st.floats(0, 1e9)
COUNTS = st.integers(0, 5)
ERRORS = st.none() | st.builds(ValueError)


# ---------------------------------------------------------------- events
class Deaf(RunLog):
    """A log in which nothing comes of what is added."""

    def add(self, event: ev.Event) -> None: ...


@shows("event-by-class")
@given(st.sampled_from(list(ev.EVENT_TYPES.values())), st.data())
def test_an_event_by_its_class(event_type: type[ev.Event], data: st.DataObject) -> None:
    log = Deaf("run", ())
    log.clock = MockClock()
    log.epoch, log.record.next_seq = data.draw(TIMES), data.draw(COUNTS)
    fields = {
        field.name: data.draw(VALUES)
        for field in attrs.fields(event_type)
        if field.name not in ("run_id", "seq", "at")
        and (field.default is attrs.NOTHING or data.draw(st.booleans()))
    }

    event = log.emit(event_type, **fields)

    check_event(event, plain.emit(log, event_type, **fields))


def check_event(event: ev.Event, twin: ev.Event) -> None:
    """Check that two events are equal in all that can be done with an event."""
    assert type(event) is type(twin)
    assert event == twin
    assert repr(event) == repr(twin)
    assert pickle.loads(pickle.dumps(event)) == twin or "error" in attrs.asdict(event)
    for name in attrs.fields_dict(type(event)):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(event, name, None)


@st.composite
def started_calls(draw: st.DrawFn) -> Call:
    call = started_call()
    log = call.scope.core.log
    log.epoch, log.record.next_seq = draw(TIMES), draw(COUNTS)
    call.id, call.address, call.round = draw(IDS), draw(IDS), draw(COUNTS)
    call.iteration = draw(st.none() | COUNTS)
    call.answer = draw(st.booleans()), draw(VALUES)
    call.attempt = draw(COUNTS)
    call.plan.kind = draw(st.sampled_from(["step", "tool", "map", "workflow"]))
    call.plan.plugin = draw(st.none() | IDS)
    return call


UPDATES = st.none() | st.dictionaries(IDS, VALUES)
MADE_BY_CALL: dict[str, tuple[st.SearchStrategy[Any], ...]] = {
    "step_start": (VALUES, st.none() | st.tuples(IDS)),
    "step_output": (VALUES,),
    "step_progress": (
        *(COUNTS, COUNTS, COUNTS, st.sampled_from(["success", "failed", "suspended"])),
        *(VALUES, ERRORS, UPDATES, VALUES, st.none() | IDS, st.none(), COUNTS),
    ),
    "step_end": (TIMES, st.sampled_from(["success", "failed"]), VALUES, ERRORS, UPDATES),
}


@shows("event-by-call")
@given(started_calls(), st.sampled_from(list(MADE_BY_CALL)), st.data())
def test_an_event_by_its_call(call: Call, name: str, data: st.DataObject) -> None:
    arguments = data.draw(st.tuples(*MADE_BY_CALL[name]))

    made = getattr(fast_events, name)(call, *arguments)
    at = call.scope.core.log.at
    twins = getattr(plain, name)(call, *arguments)

    assert at == call.scope.core.log.at
    if name == "step_end":
        check_event(made[0], twins[0])
        made, twins = made[1], twins[1]
    check_event(made, twins)


# ---------------------------------------------------------------- records
FIELDS = st.fixed_dictionaries(dict.fromkeys(attrs.fields_dict(StepRecord), VALUES))


@shows("step-record")
@given(FIELDS, st.sets(st.sampled_from(list(attrs.fields_dict(StepRecord)))))
def test_a_record(fields: dict[str, Any], changed: set[str]) -> None:
    needed = [f.name for f in attrs.fields(StepRecord) if f.default is attrs.NOTHING]

    made = new_record(*(fields[name] for name in needed))
    twin = StepRecord(*(fields[name] for name in needed))
    for name in changed:
        setattr(made, name, fields[name])
        setattr(twin, name, fields[name])

    assert made == twin
    assert repr(made) == repr(twin)
    assert attrs.asdict(made) == attrs.asdict(twin)
    assert pickle.loads(pickle.dumps(made)) == pickle.loads(pickle.dumps(twin)) == twin
    assert attrs.evolve(made, id="another") == attrs.evolve(twin, id="another")


def fold_by(log: Sequence[ev.Event], fold_start: Any, fold_end: Any) -> RunRecord:
    """Fold *log* with these functions for the events that begin and end calls."""
    state = RunRecord()
    rest = iter(log)
    for event in rest:
        match event:
            case ev.StepStart():
                fold_start(state, event)
                state.next_seq += 1
            case ev.StepResult():
                fold_end(state, event, next(rest))
            case _:
                state.apply(event)
    return state


def check_state(state: RunRecord, twin: RunRecord) -> None:
    assert state == twin
    assert dict(state.steps) == dict(twin.steps)
    assert list(state.calls.items()) == list(twin.calls.items())
    assert plain.whole_state(state) == plain.whole_state(twin)


@given(event_logs())
def test_the_fold_of_a_run(log: list[ev.Event]) -> None:
    fast = fold_by(log, records.REDUCERS[ev.StepStart], fold_end)

    check_state(fast, fold_by(log, plain.fold_start, plain.fold_end))
    check_state(fast, fold(log))


@st.composite
def moments(draw: st.DrawFn) -> tuple[RunRecord, RunRecord]:
    """Generate two equal states in the midst of a run."""
    log = draw(event_logs())
    count = draw(st.integers(1, len(log)))
    is_continued = draw(st.booleans())
    states = fold(log[:count]), fold(log[:count])
    addresses = list(states[0].calls)
    taken = draw(st.dictionaries(st.sampled_from(addresses), st.just((1,)))) if addresses else {}
    for state in states:
        state.is_continued = state.is_continued or is_continued
        state.taken.update(taken)
        state.received[1] = ev.EventReceived(run_id="run", seq=1, at=0.0, event="go")
        state.answers.update(dict.fromkeys(addresses, "answer"))
    return states


@shows("fold-start")
@given(moments(), st.data())
def test_the_fold_of_a_start(states: tuple[RunRecord, RunRecord], data: st.DataObject) -> None:
    state, twin = states
    start = ev.StepStart(
        run_id="run",
        seq=state.next_seq,
        at=data.draw(TIMES),
        id="step",
        address=data.draw(st.sampled_from(["new", *state.calls])),
        round=data.draw(COUNTS),
        input=data.draw(VALUES),
        kind=data.draw(st.sampled_from(["step", "wait", "foreach"])),
        iteration=data.draw(st.none() | COUNTS),
        resumed=data.draw(st.booleans()),
        resume_data=data.draw(VALUES),
        arms=data.draw(st.none() | st.tuples(IDS)),
    )

    records.REDUCERS[ev.StepStart](state, start)
    plain.fold_start(twin, start)

    check_state(state, twin)


@shows("fold-end")
@given(moments(), st.data())
def test_the_fold_of_an_end(states: tuple[RunRecord, RunRecord], data: st.DataObject) -> None:
    state, twin = states
    assume(state.open)
    call: dict[str, Any] = {"run_id": "run", "at": data.draw(TIMES), "id": "step"}
    call["address"] = data.draw(st.sampled_from(list(state.open)))
    result = ev.StepResult(
        **call,
        seq=state.next_seq,
        status=data.draw(st.sampled_from(["success", "failed", "canceled", "bailed"])),
        output=data.draw(VALUES),
        error=data.draw(ERRORS),
        state_updates=data.draw(UPDATES),
    )
    finish = ev.StepFinish(
        **call, seq=state.next_seq + 1, attempts=data.draw(COUNTS), seconds=data.draw(TIMES)
    )

    fold_end(state, result, finish)
    plain.fold_end(twin, result, finish)

    check_state(state, twin)


@shows("fold-event", "add-end")
@given(event_logs(), st.sampled_from([1, 2, 5]))
def test_what_is_added_to_a_log(log: list[ev.Event], buffer: int) -> None:
    fast = written(RunLog("run", ()), log, buffer)
    twin = written(plain.PlainLog("run", ()), log, buffer)

    check_state(fast.log.record, twin.log.record)
    assert fast.log.history() == twin.log.history() == tuple(log)
    assert fast.seen == twin.seen
    assert fast.was_congested == twin.was_congested


@attrs.define
class Written:
    """What came of adding events to a log."""

    log: RunLog
    seen: list[ev.Event] = attrs.field(factory=list)
    was_congested: list[bool] = attrs.field(factory=list)


def written(log: RunLog, events: Sequence[ev.Event], buffer: int) -> Written:
    """Add events, those that end a call together, and let a reader take them now and then."""
    done = Written(log)
    stream: EventStream = EventStream._create(reader := Reader(buffer, log.readers))
    log.add_reader(reader, None)
    rest = iter(events)
    for event in rest:
        if isinstance(event, ev.StepResult):
            finish = next(rest)
            assert isinstance(finish, ev.StepFinish)
            log.add_end(event, finish)
        else:
            log.add(event)
        done.was_congested.append(log.readers.congested)
        if event.seq % 3 == 0:
            done.seen += [stream.receive_nowait() for _ in range(reader.unread)]
    return done


ROWS = st.lists(
    st.builds(
        lambda id, address, kind: new_record(id, address, kind, "success", None, 0.0),
        IDS,
        IDS,
        st.sampled_from(["step", "item"]),
    )
)


@shows("calls-on-demand")
@given(ROWS, st.sets(st.integers(0, 20)), st.none() | COUNTS)
def test_the_calls_of_a_run(row: list[StepRecord], looks: set[int], end: int | None) -> None:
    growing: list[StepRecord] = []
    by_address, by_id = Calls(growing, "address", end), Calls(growing, "id", end)
    for index, made in enumerate(row):
        growing.append(made)
        if index in looks and (end is None or index + 1 >= end):
            check_calls(by_address, by_id, growing[:end])

    if end is None or len(row) >= end:
        check_calls(by_address, by_id, growing[:end])


def check_calls(by_address: Calls, by_id: Calls, row: Sequence[StepRecord]) -> None:
    for view, twin in zip((by_address, by_id), plain.calls_of(row), strict=True):
        assert list(view.items()) == list(twin.items())
        assert all(view[key] is twin[key] for key in twin)
        assert (len(view), list(view), repr(view)) == (len(twin), list(twin), repr(twin))


@shows("parts-on-demand")
@given(event_logs(), st.integers(0))
def test_a_state_whose_parts_were_looked_at(log: list[ev.Event], moment: int) -> None:
    looked_at, untouched = RunRecord(), RunRecord()
    assert plain.whole_state(looked_at) == ({}, {}, {}, {}, {})
    for event in log:
        looked_at.apply(event)
        untouched.apply(event)
        if event.seq == moment % len(log):
            assert looked_at == untouched
            plain.whole_state(untouched)

    check_state(untouched, looked_at)
