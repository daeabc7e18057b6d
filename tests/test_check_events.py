"""The grammar, applied to event logs that were made without an engine."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from trioflow import Workflow, step
from trioflow import events as ev
from trioflow.addresses import Address
from trioflow.record import REDUCERS, RunRecord
from trioflow.step_record import StepRecord
from trioflow.testing import EventOrderError, check_events
from trioflow.testing.strategies import FAULTS, broken_event_logs, event_logs
from trioflow.testing.strategies._logs import Events, make, number


@given(event_logs())
def test_whatever_the_grammar_produces_is_accepted(events: Events) -> None:
    check_events(events)


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_found_under_its_rule(name: str) -> None:
    # Some faults need an event that not every log has.
    @settings(max_examples=12, suppress_health_check=[HealthCheck.filter_too_much])
    @given(event_logs(broken=name))
    def find(events: Events) -> None:
        with pytest.raises(EventOrderError) as caught:
            check_events(events)
        assert caught.value.rule == FAULTS[name].rule, str(caught.value)

    find()


@settings(max_examples=10)
@given(broken_event_logs())
def test_any_fault_comes_with_its_name_and_rule(log: tuple[str, int, Events]) -> None:
    name, rule, events = log

    assert FAULTS[name].rule == rule
    with pytest.raises(EventOrderError):
        check_events(events)


def test_a_fault_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="'no strat'; did you mean 'no start'"):
        event_logs(broken="no strat")


# ---------------------------------------------------------------- messages
def call(address: str, id: str, *inner: ev.Event, kind: ev.StepKind = "step") -> Events:
    """Return the events of a call that ends well."""
    place = {"address": address, "id": id}
    return [
        make(ev.StepStart, input=None, kind=kind, iteration=iteration_of(address), **place),
        *inner,
        make(ev.StepResult, status="success", **place),
        make(ev.StepFinish, attempts=1, seconds=0.0, **place),
    ]


def iteration_of(address: str) -> int | None:
    return Address.parse(address).iteration


def progress(address: str, id: str, index: int, done: int, total: int) -> ev.Event:
    return make(
        ev.StepProgress,
        address=address,
        id=id,
        index=index,
        done=done,
        total=total,
        status="success",
    )


def run(*parts: Events, status: str = "success") -> Events:
    """Return the events of a run with these calls."""
    calls = [event for part in parts for event in part]
    start = make(ev.Start, workflow_id="w", input=None)
    return number([start, *calls, make(ev.Finish, status=status)])


def test_the_message_names_the_rule_and_shows_only_what_is_near() -> None:
    first, second = call("0", "a"), call("1", "b")
    crowd = [make(ev.StepOutput, address="0", id="a", chunk=n) for n in range(50)]
    events = run([first[0], *crowd, second[0], *first[1:], *second[1:]])

    with pytest.raises(EventOrderError) as caught:
        check_events(events)

    first_line, *listing = str(caught.value).splitlines()
    assert first_line == (
        "rule 4 (a node finishes before the next one starts; ids and addresses agree): "
        "call 1 (b) starts while call 0 (a) is open"
    )
    assert listing == [
        "     ...",
        "       49  step-output                0        a",
        "       50  step-output                0        a",
        "   >   51  step-output                0        a",
        "  >>   52  step-start                 1        b",
        "       53  step-result                0        a  status='success'",
        "       54  step-finish                0        a  attempts=1",
        "     ...",
    ]


def test_the_message_shows_what_came_before_in_the_same_call() -> None:
    first, second = call("0:a", "a"), call("0:b", "b")
    crowd = [make(ev.StepOutput, address="0:b", id="b", chunk=n) for n in range(9)]
    tool = {"address": "0:a", "id": "a", "tool_call_id": "1", "name": "t"}
    late = make(ev.ToolResult, **tool)

    with pytest.raises(EventOrderError) as caught:
        check_events(run([first[0], second[0], *crowd, late, *first[1:], *second[1:]]))

    assert str(caught.value).splitlines()[1:] == [
        "     ...",
        "        1  step-start                 0:a      a",
        "     ...",
        "       10  step-output                0:b      b",
        "       11  step-output                0:b      b",
        "  >>   12  tool-result                0:a      a  name='t'  tool_call_id='1'",
        "       13  step-result                0:a      a  status='success'",
        "       14  step-finish                0:a      a  attempts=1",
        "     ...",
    ]


# ---------------------------------------------------------------- with the workflow
@step
async def a(value: Any) -> Any: ...


@step
async def b(value: Any) -> Any: ...


inner = Workflow("inner").then(a).then(b)


def check(workflow: Workflow[Any, Any], *parts: Events) -> None:
    check_events(run(*parts), workflow)


def fault(workflow: Workflow[Any, Any], *parts: Events) -> tuple[int, str]:
    with pytest.raises(EventOrderError) as caught:
        check(workflow, *parts)
    return caught.value.rule, caught.value.problem


def test_the_calls_of_every_kind_of_node_are_accepted() -> None:
    workflow = (
        Workflow("w")
        .then(a)
        .parallel(a.clone("p"), inner)
        .branch((lambda _: True, a.clone("x")), (lambda _: False, a.clone("y")))
        .dountil(a.clone("loop"), lambda _: True)
        .foreach(inner.clone("each"), concurrency=2)
        .map(lambda _: 1, id="m")
        .sleep(1, id="z")
    )
    place = {"address": "6", "id": "z"}
    check(
        workflow,
        call("0", "a"),
        call(
            "1:inner",
            "inner",
            *call("1:inner/0", "inner.a"),
            *call("1:inner/1", "inner.b"),
            kind="workflow",
        ),
        call("1:p", "p"),
        call("2:x", "x"),
        call("3#1", "loop"),
        call("3#2", "loop"),
        call(
            "4",
            "each",
            *call("4[1]/0", "each.a"),
            *call("4[0]/0", "each.a"),
            *call("4[1]/1", "each.b"),
            progress("4", "each", 1, 1, 2),
            *call("4[0]/1", "each.b"),
            progress("4", "each", 0, 2, 2),
            kind="foreach",
        ),
        call("5", "m", kind="map"),
        [make(ev.StepWaiting, **place), *call("6", "z")[1:]],
    )


def test_a_node_that_is_left_out_is_found() -> None:
    workflow = Workflow("w").then(a).then(b).then(a.clone("c"))

    assert fault(workflow, call("0", "a"), call("2", "c")) == (4, "a Then of b is missing")
    assert fault(workflow, call("0", "a"), call("1", "b")) == (4, "a Then of c is missing")


def test_a_node_left_out_of_a_nested_workflow_is_found() -> None:
    nested = call("0", "inner", *call("0/0", "inner.a"), kind="workflow")

    assert fault(Workflow("w").then(inner), nested) == (4, "a Then of b is missing")


def test_a_branch_whose_conditions_do_not_hold_is_not_left_out() -> None:
    workflow = Workflow("w").branch((lambda _: False, a)).then(b)

    check(workflow, call("1", "b"))


def test_a_workflow_that_bails_may_leave_the_rest_out() -> None:
    bailing = call("0", "a")
    bailing[1] = make(ev.StepResult, address="0", id="a", status="bailed")

    check(Workflow("w").then(a).then(b), bailing)


def test_an_arm_that_is_left_out_is_found() -> None:
    workflow = Workflow("w").parallel(a, b)

    assert fault(workflow, call("0:a", "a")) == (5, "only 1 of 2 arms have run")


def test_ids_and_kinds_must_be_those_of_the_node() -> None:
    workflow = Workflow("w").then(a)

    assert fault(workflow, call("0", "b")) == (4, "call 0 (b): the node runs a")
    assert fault(workflow, call("0", "a", kind="tool")) == (
        4,
        "call 0 (a) is of kind tool, not step",
    )
    assert fault(workflow, call("0:a", "a")) == (
        4,
        "call 0:a (a) does not have an address of a Then",
    )
    assert fault(workflow, call("0", "a"), call("1", "b")) == (
        4,
        "call 1 (b) is beyond the last of 1 nodes",
    )


def test_more_open_items_than_the_concurrency_are_found() -> None:
    workflow = Workflow("w").foreach(inner, concurrency=1)
    first, second = call("0[0]/0", "inner.a"), call("0[1]/0", "inner.a")
    mixed = [first[0], second[0], *first[1:], *second[1:]]

    assert fault(workflow, call("0", "inner", *mixed, kind="foreach")) == (
        5,
        "2 items are open, but concurrency is 1",
    )


# ---------------------------------------------------------------- single rules
def test_an_item_is_over_with_its_progress() -> None:
    late = call("0", "f", progress("0", "f", 0, 1, 1), *call("0[0]/0", "f.a"), kind="foreach")

    with pytest.raises(EventOrderError, match="inside item 0, which has ended"):
        check_events(run(late))


def test_a_foreach_that_succeeds_has_done_all_its_items() -> None:
    with pytest.raises(EventOrderError, match="succeeds with 1 of 2 items"):
        check_events(run(call("0", "f", progress("0", "f", 0, 1, 2), kind="foreach")))


def test_an_iteration_must_not_be_skipped() -> None:
    with pytest.raises(EventOrderError, match="where iteration 2 is next"):
        check_events(run(call("0#1", "a"), call("0#3", "a")))


def test_a_nested_call_lies_inside_the_outer_one() -> None:
    outer, nested = call("0", "w", kind="workflow"), call("0/0", "w.a")

    with pytest.raises(EventOrderError, match=r"outside call 0 \(w\)") as caught:
        check_events(run(outer, nested))
    assert caught.value.rule == 2


def test_an_attempt_begins_after_the_one_before_has_failed() -> None:
    with pytest.raises(EventOrderError, match="inside attempt 2, which is not active"):
        check_events(run(call("0", "w", *call("0~2/0", "w.a"), kind="workflow")))


def at(address: str, id: str, event_type: type[ev.Event], **fields: Any) -> ev.Event:
    return make(event_type, address=address, id=id, **fields)


def open_call(address: str, id: str, kind: ev.StepKind = "step") -> ev.Event:
    return call(address, id, kind=kind)[0]


ITERATION, NESTED = call("0#1", "a"), call("0/0", "w.a")
FAULTY_CALLS: dict[str, tuple[int, Events]] = {
    "finish while call 0 (a) is open": (2, [open_call("0", "a")]),
    "step-start inside call 0, which has not started": (2, NESTED),
    "id must begin with 'w.'": (4, call("0", "w", *call("0/0", "a"), kind="workflow")),
    "call 0:a (b) is arm 'a'": (4, call("0:a", "b")),
    "call 0#2 (a) starts while call 0#1 (a) is open": (6, [ITERATION[0], *call("0#2", "a")]),
    "of an item of call 0 (a), which is not a foreach": (
        6,
        call("0", "a", at("0[0]", "a", ev.StepOutput, chunk=1)),
    ),
    "step-output of item 0, which has ended": (
        6,
        call(
            "0",
            "f",
            progress("0", "f", 0, 1, 1),
            at("0[0]", "f", ev.StepOutput, chunk=1),
            kind="foreach",
        ),
    ),
    "tool call 1 is a call of t": (
        3,
        call(
            "0",
            "a",
            at("0", "a", ev.ToolCall, tool_call_id="1", name="t", args={}),
            at("0", "a", ev.ToolResult, tool_call_id="1", name="u"),
        ),
    ),
    "step-progress of call 0 (a), which is not a foreach": (
        6,
        call("0", "a", progress("0", "a", 0, 1, 1)),
    ),
    "item 1 of 1": (6, call("0", "f", progress("0", "f", 1, 1, 1), kind="foreach")),
    "step-finish of call 0 (a) has 3 attempts, of which 0 failed": (
        6,
        [*call("0", "a")[:-1], at("0", "a", ev.StepFinish, attempts=3, seconds=0.0)],
    ),
    "step-result of call 0 (w) while call 0/0 (w.a) is open": (
        2,
        call("0", "w", NESTED[0], kind="workflow"),
    ),
}


@pytest.mark.parametrize("problem", FAULTY_CALLS)
def test_a_fault_of_one_call_is_found(problem: str) -> None:
    rule, events = FAULTY_CALLS[problem]

    with pytest.raises(EventOrderError) as caught:
        check_events(run(events))
    assert problem in caught.value.problem
    assert caught.value.rule == rule


@pytest.mark.parametrize("status", ["pending", "running", "suspended", "paused"])
def test_a_run_that_has_settled_cannot_say_that_it_goes_on(status: str) -> None:
    with pytest.raises(EventOrderError, match=r"finish .* the status"):
        check_events(run(status=status))


def test_a_sleep_begins_with_waiting() -> None:
    assert fault(Workflow("w").sleep(1, id="z"), call("0", "z")) == (
        2,
        "call 0 (z) of a Sleep begins with step-start",
    )


def test_a_suspended_call_may_go_on_in_the_next_part() -> None:
    place = {"address": "0", "id": "a"}
    suspended = [make(ev.StepStart, input=None, **place), make(ev.StepSuspended, **place)]
    first = run([*suspended, make(ev.Suspended)], status="suspended")

    check_events(first)
    second = [make(ev.Resume), *call("0", "a"), make(ev.Finish, status="success")]
    check_events(number([*first, *second]))


def test_a_canceled_run_says_so_before_it_finishes() -> None:
    with pytest.raises(EventOrderError, match="status canceled without a canceled event"):
        check_events(run(status="canceled"))


def test_a_fold_that_disagrees_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(REDUCERS, ev.StepResult, lambda state, event: None)

    with pytest.raises(EventOrderError, match="running in the fold, but success by the events"):
        check_events(run(call("0", "a")))


def test_a_fold_that_loses_count_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RunRecord, "apply", lambda state, event: None)

    with pytest.raises(EventOrderError, match="next_seq of the fold is 0"):
        check_events(run())


def test_a_record_that_is_no_call_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def invent(state: RunRecord, event: ev.StepOutput) -> None:
        state.records.append(StepRecord("x", "9", "step", "running", None, 0.0))

    monkeypatch.setitem(REDUCERS, ev.StepOutput, invent)

    with pytest.raises(EventOrderError, match="record of 9, which is not a call"):
        check_events(run(call("0", "a", at("0", "a", ev.StepOutput, chunk=1))))
