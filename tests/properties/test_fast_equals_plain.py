"""What is there for speed alone gives the same as its plain twin: one property per shortcut.

The twins that are no functions of trioflow themselves are in `benchmarks.shortcuts`, which also
measures them.
"""

from __future__ import annotations

import functools
import random
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest
import trio
import trio._core._run
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from benchmarks.shortcuts import plain_calls, plain_events
from benchmarks.shortcuts.calls import GOOD_END
from benchmarks.shortcuts.registry import SHORTCUTS
from benchmarks.shortcuts.stage import (
    call_plans,
    new_scope,
    plan_of,
    standing_in,
)
from tests.properties import (
    test_fast_events,
    test_fast_reading,
    test_usual_entries,
    test_usual_events,
)
from tests.properties.normal import normalized
from tests.properties.scale import examples
from tests.properties.shown import SHOWN, shows
from trioflow import StepContext, Workflow, open_engine, step
from trioflow import events as ev
from trioflow import record as records
from trioflow._engine.base.habits import Reputation
from trioflow._engine.base.outcome import Success
from trioflow._engine.base.plan import CallPlan
from trioflow._engine.planning.targets import code_of
from trioflow._engine.running import fast_events, foreach, nodes, run_call
from trioflow._engine.running.call import Call, new_call
from trioflow._engine.stream import fairness
from trioflow._engine.stream import log as logs
from trioflow._engine.stream.fairness import Pacer
from trioflow._engine.stream.log import RunLog
from trioflow.context import MISSING
from trioflow.run import new_run_id
from trioflow.testing import record
from trioflow.testing.strategies import LIMITS, build, inputs, workflow_specs, workflows
from trioflow.testing.strategies._specs import WorkflowSpec

VALUES = st.none() | st.integers() | st.text("ab") | st.lists(st.integers())
IDS = st.sampled_from(["a", "b", "a.b"])
COUNTS = st.integers(0, 5)

OTHERS = (test_fast_events, test_fast_reading, test_usual_entries, test_usual_events)
"""The modules that show it of further shortcuts."""


def test_every_shortcut_is_shown_to_give_the_same() -> None:
    assert SHORTCUTS.keys() == SHOWN


# ---------------------------------------------------------------- calls
@shows("new-call")
@given(IDS, st.none() | COUNTS, st.sampled_from(["", "outer."]))
def test_a_call(address: str, iteration: int | None, prefix: str) -> None:
    scope = new_scope()
    scope.prefix = prefix
    plan = call_plans(scope.plan)[0]

    call = new_call(plan, scope, address, iteration)
    twin = plain_calls.PlainCall(plan, scope, address, iteration)

    slots = [*Call.__slots__, "scope"]
    unset = object()  # as the number of its tool calls is
    assert {s: getattr(call, s, unset) for s in slots} == {
        s: getattr(twin, s, unset) for s in slots
    }
    assert call.iteration == twin.iteration


ANY_OTHER = object()
"""A type that no value has."""


def set_plans(**flags: Any) -> tuple[Any, str, Any]:
    """Return what gives the plans of calls that are made from now on these attributes, if any."""
    made = CallPlan.__attrs_post_init__

    def make(plan: CallPlan) -> None:
        made(plan)
        for name, value in flags.items():
            if getattr(plan, name) is not None:
                setattr(plan, name, value)

    return CallPlan, "__attrs_post_init__", make


PLAINLY: dict[str, tuple[tuple[Any, str, Any], ...]] = {
    "plain-call": (set_plans(is_plain=False),),
    "function-alone": (set_plans(function=None),),
    "good-end": GOOD_END,
    "open-check": ((Call, "write", plain_calls.PlainCall.write),),
    "no-coroutine": (
        (Pacer, "boundary", plain_calls.as_coroutine(Pacer.boundary)),
        (Pacer, "give_way", plain_calls.as_coroutine(Pacer.give_way)),
        (StepContext, "write", plain_calls.as_coroutine(StepContext.write)),
    ),
    "own-clock": ((RunLog, "tick", plain_calls.tick),),
    "open-outcome": ((Success, "__setattr__", plain_calls.set_once),),
}
"""What takes the place of a shortcut in whole runs."""
REDUCERS = {**records.REDUCERS, ev.StepStart: plain_events.fold_start}
EVERYTHING = (
    *(each for patches in PLAINLY.values() for each in patches),
    set_plans(is_plain=False, function=None, takes=ANY_OTHER, gives=ANY_OTHER),
    *((module, "REDUCERS", REDUCERS) for module in (records, logs)),
    (RunLog, "next_event", plain_events.next_event),
    (RunLog, "add_end", RunLog._add_each),
    *((fast_events, name, getattr(plain_events, name)) for name in test_fast_events.MADE_BY_CALL),
    (records, "new_record", plain_events.new_record),
    (logs, "fold_end", plain_events.fold_end),
    *((module, "new_call", plain_calls.PlainCall) for module in (run_call, nodes, foreach)),
)
"""All that can take the place of shortcuts without another schedule."""


def events_of(spec: WorkflowSpec, value: Any, seed: int, *patches: Any) -> list[Any]:
    """Run a workflow, with other code in the places of some; return what can be compared."""
    schedule: random.Random = trio._core._run._r
    schedule.seed(seed)

    async def run() -> list[ev.Event]:
        async with open_engine(limits=LIMITS, plugins=[]) as engine:
            run = engine.create_run(build(spec), run_id="run")
            return await record(run, value, answers={"go": "go", "late": "late"})

    with standing_in(*patches):
        return normalized(trio.run(run, clock=MockClock(autojump_threshold=0)), spec)


@shows(*PLAINLY)
@settings(max_examples=examples(10, 500), deadline=None)
@given(workflow_specs(), inputs(), st.integers(0, 99))
@pytest.mark.parametrize("id", PLAINLY)
def test_a_run_without_one_shortcut(id: str, spec: WorkflowSpec, value: Any, seed: int) -> None:
    assert events_of(spec, value, seed) == events_of(spec, value, seed, *PLAINLY[id])


@attrs.frozen
class Point:
    x: int


class Point3(Point):
    """A subclass, whose instances are points and not exactly points."""


POINTS = st.sampled_from([Point(1), Point3(1), {"x": 1}, {"x": "1"}, {"y": 1}, {}, None, 3])


NUMBERS = st.sampled_from([1, True, 1.0, "1", None])


@shows("known-type")
@given(POINTS, NUMBERS)
def test_an_input_of_a_known_type(point: Any, number: Any) -> None:
    @step
    async def takes_point(value: Point) -> Any:
        return number

    @step
    async def takes_number(value: int) -> Any:
        return value, type(value)

    def events() -> list[Any]:
        run = Workflow("w").then(takes_point).then(takes_number).create_run(run_id="run")
        return normalized(trio.run(record, run, point, clock=MockClock()), WorkflowSpec("w"))

    fast = events()
    with standing_in(set_plans(takes=ANY_OTHER, gives=ANY_OTHER)):
        assert events() == fast


@settings(max_examples=examples(40, 2000), deadline=None)
@given(workflow_specs(), inputs(), st.integers(0, 99))
def test_a_run_without_any_shortcut(spec: WorkflowSpec, value: Any, seed: int) -> None:
    assert events_of(spec, value, seed) == events_of(spec, value, seed, *EVERYTHING)


@shows("trusted-functions", "few-turns")
@settings(max_examples=examples(4, 100), deadline=None)
@given(st.integers(1, 70))
def test_a_chain_with_other_turns(length: int) -> None:
    @step
    async def writes(value: int, ctx: StepContext) -> int:
        await ctx.write(value)
        return value + 1

    workflow: Workflow[Any, Any] = Workflow("w", input=int)
    for number in range(length):
        workflow = workflow.then(writes.clone(f"s{number}"))
    plan = plan_of(workflow)

    async def record_run() -> list[ev.Event]:
        return await record(workflow.create_run(run_id="run"), 0)

    def events() -> list[Any]:
        return normalized(trio.run(record_run, clock=MockClock()), WorkflowSpec("w"))

    plan.reputation = Reputation()
    careful = events()
    while code_of(writes.fn) not in plan.reputation.trusted:
        assert events() == careful
    trusting = events()
    with standing_in((Pacer, "boundary", plain_calls.boundary)):
        in_turns = events()

    assert careful == trusting == in_turns


@shows("output-slots")
@given(workflows(), st.data())
def test_outputs_of_steps(workflow: Workflow[Any, Any], data: st.DataObject) -> None:
    scope = new_scope()
    plan = scope.plan = plan_of(workflow)
    scope.outputs = [MISSING] * len(plan.slots)
    twin: dict[str, Any] = {}
    for id in data.draw(st.lists(st.sampled_from(list(plan.slots)))) if plan.slots else ():
        scope.outputs[plan.slots[id]] = twin[id] = data.draw(VALUES)

    for id in (*plan.slots, "unknown"):
        assert scope.output(id) is twin.get(id, MISSING)


async def first(value: int) -> int:
    return value


async def second(value: int) -> int:
    return value


def closure() -> Callable[[int], Awaitable[int]]:
    async def inner(value: int) -> int:
        return value

    return inner


FUNCTIONS = st.sampled_from([first, second, closure(), closure(), functools.wraps(first)(second)])


@shows("code-id")
@given(FUNCTIONS, FUNCTIONS)
def test_what_tells_functions(one: Any, other: Any) -> None:
    codes = [getattr(f, "__wrapped__", f).__code__ for f in (one, other)]

    assert (code_of(one) == code_of(other)) is (codes[0] == codes[1])


@shows("run-id")
@given(st.integers(1, 200))
def test_ids_of_runs(count: int) -> None:
    ids = {new_run_id() for _ in range(count)}

    assert len(ids) == count
    assert {len(id) for id in ids} == {len(uuid.uuid4().hex)}
    assert all(set(id) <= set("0123456789abcdef") for id in ids)


@shows("own-name")
def test_names_of_trio() -> None:
    assert vars(fairness)["checkpoint_if_cancelled"] is trio.lowlevel.checkpoint_if_cancelled
