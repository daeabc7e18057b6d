"""The checks find what is wrong with a history, and nothing wrong with a good one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.crash import checks
from tests.crash.checks import CHECKS, bodies, ends, faults_of, inbox
from tests.crash.history import Body, History, Journal, Operation, Process, counts, read_history
from tests.crash.notes import Notes, read_notes
from trioflow import events as ev
from trioflow.wire import RecordedError


def events_of(run: str, *made: tuple[type[ev.Event], dict[str, Any]]) -> tuple[ev.Event, ...]:
    """Return events that happen one a second, from 0."""
    return tuple(
        kind(run_id=run, seq=seq, at=float(seq), **fields)
        for seq, (kind, fields) in enumerate(made)
    )


def call(id: str, address: str, **fields: Any) -> dict[str, Any]:
    return {"id": id, "address": address, **fields}


GREETS = call("greets", "1")
MEETS = call("meets", "2")
EVENTS = events_of(
    "e",
    (ev.Start, {"workflow_id": "events", "input": 1, "by": "start"}),
    (ev.StepStart, call("first", "0", input=1)),
    (ev.StepResult, call("first", "0", status="success", output=7)),
    (ev.StepFinish, call("first", "0", attempts=1, seconds=1.0)),
    (ev.StepWaiting, {**GREETS, "event": "go"}),
    (ev.EventReceived, {"event": "go", "data": "sent"}),
    (ev.Recover, {"crashed": True}),
    (ev.Canceled, {"reason": "cancel"}),
    (ev.Finish, {"status": "canceled"}),
)
LOOPS = events_of(
    "l",
    (ev.Start, {"workflow_id": "loops", "input": 1, "by": "other"}),
    (ev.Resume, {"targets": ("1:asks",), "data": "answer"}),
)
"""Not a whole one; the grammar is for the other."""


def operation(id: str, kind: str, run: str, at: float = 0.0, **fields: Any) -> Operation:
    fields = {"completed": at + 0.5, "phase": "ok", **fields}
    return Operation(id=id, process="0.1", kind=kind, run=run, invoked=at, **fields)


def journal(run: str, workflow: str, events: tuple[ev.Event, ...]) -> Journal:
    return Journal(run=run, workflow=workflow, events=events)


GOOD = History(
    bodies=(
        Body(process="0.1", call="e:0", run="e", begin=1.1, end=1.2),
        Body(process="1.1", call="e:0", run="e", begin=1.3, end=1.9, has_given=True, value=7),
    ),
    operations=(
        operation("start", "start_once", "e", data=True),
        operation("second", "start_once", "e", data=False),
        operation("sent", "send", "e", 4.0, name="go"),
        operation("late", "send", "e", 7.5, name="noise"),
        operation("cancel", "cancel", "e", 6.0),
        operation("refused", "cancel", "e", 9.0, phase="fail"),
        operation("lost", "send", "e", 3.0, name="go", phase="open"),
        operation("w", "wait", "e", 1.0, data={"status": "canceled", "output": None}),
    ),
    processes={"0.1": Process(died=1.25), "1.1": Process()},
    journals={"e": journal("e", "events", EVENTS)},
)


def test_nothing_is_wrong_with_a_good_history() -> None:
    assert faults_of(GOOD) == []


def with_bodies(*more: Body) -> History:
    return attrs.evolve(GOOD, bodies=(*GOOD.bodies, *more))


def with_operations(*more: Operation) -> History:
    ids = {operation.id for operation in more}
    kept = tuple(operation for operation in GOOD.operations if operation.id not in ids)
    return attrs.evolve(GOOD, operations=(*kept, *more))


def with_events(change: Callable[[list[ev.Event]], Any], run: str = "e") -> History:
    """Return the good history with other events, numbered anew but at the same times."""
    changed = list(EVENTS)
    change(changed)
    numbered = tuple(attrs.evolve(event, seq=seq) for seq, event in enumerate(changed))
    return attrs.evolve(GOOD, journals={run: journal(run, "events", numbered)})


def replaced(seq: int, **fields: Any) -> History:
    def change(events: list[ev.Event]) -> None:
        events[seq] = attrs.evolve(events[seq], **fields)

    return with_events(change)


def taken(*calls: dict[str, Any]) -> History:
    """Return the good history, in which the event is taken by these calls."""

    def change(events: list[ev.Event]) -> None:
        fields: dict[str, Any] = {"run_id": "e", "seq": 0, "at": 5.0, "event": "go", "received": 5}
        events[6:6] = [ev.EventTaken(**fields, **call) for call in calls]

    return with_events(change)


def given(output: Any) -> History:
    history = taken(GREETS)
    result = ev.StepResult(run_id="e", seq=9, at=8.0, status="success", output=output, **GREETS)
    events = (*history.journals["e"].events, result)
    return attrs.evolve(history, journals={"e": journal("e", "events", events)})


def failed(error: Exception, *before: ev.Event) -> History:
    finish = ev.Finish(run_id="b", seq=9, at=9.0, status="failed", error=error)
    return History(journals={"b": journal("b", "bomb", (*before, finish))})


def crash(seq: int) -> ev.Event:
    return ev.Recover(run_id="b", seq=seq, at=float(seq), crashed=True)


def recorded_failure(name: str) -> RecordedError:
    return RecordedError(name, "given up")


FULL = [crash(seq) for seq in range(4)]
LATE = Body(process="1.1", call="e:0", run="e", begin=2.5, end=2.6)
BESIDE = Body(process="2.1", call="e:0", run="e", begin=1.5, end=1.6)
STOPPED = attrs.evolve(
    with_bodies(BESIDE), processes={**GOOD.processes, "1.1": Process(stops=[(1.45, 1.7)])}
)
ALONE = attrs.evolve(GOOD, journals={})
MOVED_ON = replaced(8, at=12.0)
ANSWERED = History(
    operations=(operation("answer", "answer", "l"), operation("too late", "answer", "l", 1.0)),
    journals={"l": journal("l", "loops", LOOPS)},
)


@pytest.mark.parametrize(
    ("check", "history"),
    [
        (bodies.recorded_calls_do_not_run_again, with_bodies(LATE)),
        (bodies.no_call_runs_twice_at_once, with_bodies(BESIDE)),
        (bodies.recorded_outputs_are_what_bodies_gave, replaced(2, output=8)),
        (inbox.events_arrive_once, with_events(lambda events: events.insert(6, events[5]))),
        (inbox.events_arrive_once, replaced(5, data="from nobody")),
        (inbox.events_arrive_once, replaced(5, event="stop")),
        (inbox.events_arrive_once, with_operations(operation("sent", "send", "x", name="go"))),
        (inbox.acknowledged_events_arrive, with_operations(operation("late", "send", "e", 1.0))),
        (inbox.acknowledged_events_arrive, with_operations(operation("late", "send", "x"))),
        (inbox.events_are_taken_once, taken(GREETS, MEETS)),
        (inbox.events_are_taken_once, given("something else")),
        (inbox.acknowledged_requests_have_their_effect_once, replaced(7, reason="start")),
        (
            inbox.acknowledged_requests_have_their_effect_once,
            with_operations(operation("again", "cancel", "x")),
        ),
        (
            inbox.acknowledged_requests_have_their_effect_once,
            attrs.evolve(MOVED_ON, operations=[operation("again", "answer", "e", 7.5)]),
        ),
        (
            inbox.refused_requests_have_no_effect,
            with_operations(operation("cancel", "cancel", "e", phase="fail")),
        ),
        (inbox.nothing_is_left, attrs.evolve(GOOD, requests=["cancel of e"])),
        (ends.journals_follow_the_grammar, with_events(lambda events: events.pop(2))),
        (ends.runs_end_with_a_reason, with_events(lambda events: events.pop())),
        (ends.runs_end_with_a_reason, replaced(7, reason="nobody")),
        (ends.runs_end_with_a_reason, failed(recorded_failure("OSError"), *FULL)),
        (ends.runs_end_with_a_reason, failed(OSError(), *FULL)),
        (ends.runs_end_with_a_reason, failed(recorded_failure("CrashLoopError"), *FULL[1:])),
        (ends.runs_start_once, ALONE),
        (ends.runs_start_once, replaced(0, by="second")),
        (
            ends.runs_start_once,
            with_operations(operation("second", "start_once", "e", data=True)),
        ),
        (ends.who_waits_is_told_the_end, replaced(8, status="failed")),
        (ends.who_waits_is_told_the_end, ALONE),
        (
            ends.nothing_goes_wrong,
            with_operations(operation("r", "recover", "e", phase="wrong", error="KeyError: 1")),
        ),
    ],
)
def test_a_check_finds(check: checks.Check, history: History) -> None:
    assert list(check(history)) != []


def test_every_check_is_shown_to_find_something() -> None:
    marks = test_a_check_finds.pytestmark  # type: ignore[attr-defined]
    assert {case[0] for case in marks[0].args[1]} == set(CHECKS)


@pytest.mark.parametrize(
    ("check", "history"),
    [
        (bodies.no_call_runs_twice_at_once, STOPPED),
        (inbox.acknowledged_requests_have_their_effect_once, ANSWERED),
        (inbox.events_are_taken_once, taken(GREETS, GREETS)),
        (inbox.events_are_taken_once, given("sent")),
        (ends.runs_end_with_a_reason, failed(recorded_failure("CrashLoopError"), *FULL)),
    ],
)
def test_a_check_lets_pass(check: checks.Check, history: History) -> None:
    assert list(check(history)) == []


def test_a_process_that_is_continued_has_a_moment_to_give_up() -> None:
    body = Body(process="0.1", call="e:0", run="e", begin=0.0, end=10.0)

    spans = bodies.active(body, Process(died=9.0, stops=[(2.0, 3.0), (5.0, 6.0)]))

    assert spans == [(0.0, 2.0), (3.0 + bodies.GRACE, 5.0), (6.0 + bodies.GRACE, 9.0)]
    assert bodies.active(body, Process(died=4.0, stops=[(2.0, float("inf"))])) == [(0.0, 2.0)]


def test_notes_become_a_history() -> None:
    body = {"what": "body", "id": "b", "call": "e:0", "run": "e", "process": "0.1"}
    asked: dict[str, Any] = {
        "what": "operation",
        "id": "o",
        "kind": "send",
        "run": "e",
        "name": "go",
    }
    asked |= {"process": "0.1", "error": None, "data": None}
    notes: list[dict[str, Any]] = [
        {**body, "phase": "end", "at": 2.0, "value": 7},
        {**body, "phase": "begin", "at": 1.0, "value": None},
        {**asked, "phase": "invoke", "at": 3.0},
        {**asked, "phase": "ok", "at": 4.0},
        {"what": "stop", "subject": "0.1", "at": 5.0},
        {"what": "continue", "subject": "0.1", "at": 6.0},
        {"what": "stop", "subject": "0.1", "at": 7.0},
        {"what": "kill", "subject": "0.1", "at": 8.0},
    ]

    history = read_history(notes, {"e": journal("e", "events", EVENTS)})

    (ran,), (sent,) = history.bodies, history.operations
    assert (ran.begin, ran.end, ran.has_given, ran.value) == (1.0, 2.0, True, 7)
    assert (sent.invoked, sent.completed, sent.phase) == (3.0, 4.0, "ok")
    assert history.processes["0.1"].died == 8.0
    assert history.processes["0.1"].stops == [(5.0, 6.0), (7.0, float("inf"))]
    found = counts(history)
    assert (found["send: ok"], found["bodies"], found["runs canceled"]) == (1, 1, 1)
    assert (found["takeovers after a crash"], found["events received"]) == (1, 1)


def test_a_line_that_a_kill_has_cut_is_left_out(tmp_path: Path) -> None:
    Notes(tmp_path, "1.1").write("kill", subject="1.0")
    with open(tmp_path / "1.1.notes", "a") as file:
        file.write('{"what"')

    assert [line["what"] for line in read_notes(tmp_path)] == ["kill"]
