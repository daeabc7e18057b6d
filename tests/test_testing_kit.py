"""The testing kit finds what it is for."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Any, TypeVar

import attrs
import pytest
import trio
from hypothesis import Phase, find, settings
from hypothesis.strategies import SearchStrategy
from trio.testing import MockClock

from trioflow import StepContext, Workflow, events, open_engine, step
from trioflow.abc import Instrument
from trioflow.errors import InvalidValueError
from trioflow.nodes import (
    Branch,
    ForEach,
    Loop,
    Map,
    Node,
    Parallel,
    Sleep,
    SleepUntil,
    Then,
    WaitForEvent,
    targets_of,
)
from trioflow.testing import (
    EventOrderError,
    VirtualClock,
    assert_no_leaks,
    check_events,
    fuzz_cancel,
    record,
)
from trioflow.testing._mirror import Mirror
from trioflow.testing.strategies import (
    Taste,
    event_logs,
    inputs,
    workflow_specs,
    workflows,
)
from trioflow.testing.strategies._specs import WorkflowSpec, parts

T = TypeVar("T")


@step
async def add_one(value: int) -> int:
    return value + 1


@step
async def take_event(value: int, ctx: StepContext) -> int:
    data: int = await ctx.wait_for("number")
    return value + data


# ---------------------------------------------------------------- record
async def test_record_returns_all_events() -> None:
    workflow = Workflow("w", input=int, output=int).then(add_one)

    recorded = await record(workflow, 1)

    check_events(recorded, workflow)
    assert recorded[0].type == "start"
    assert isinstance(recorded[-1], events.Finish)
    assert recorded[-1].result == 2


async def test_record_answers_each_wait() -> None:
    workflow = Workflow("w", input=int).wait_for_event("number", add_one).then(take_event)

    recorded = await record(workflow, 1, answers={"number": 5})

    assert isinstance(recorded[-1], events.Finish)
    assert recorded[-1].result == 7


async def test_record_takes_the_run_of_an_engine_and_options() -> None:
    async with open_engine(plugins=[]) as engine:
        run = engine.create_run(Workflow("w", input=int).then(add_one), run_id="mine")
        recorded = await record(run, 1, max_buffer_size=1, initial_state={"a": 1})

    assert {event.run_id for event in recorded} == {"mine"}
    assert isinstance(recorded[0], events.Start)
    assert recorded[0].state == {"a": 1}


# ---------------------------------------------------------------- leaks
async def test_a_clean_block_has_no_leaks() -> None:
    with assert_no_leaks():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 0)
            send, receive = trio.open_memory_channel[int](1)
            nursery.start_soon(send.send, 1)
            await trio.to_thread.run_sync(threading.get_ident)
        send.close()
        assert await receive.receive() == 1


async def test_a_task_that_goes_on_is_a_leak() -> None:
    async with trio.open_nursery() as nursery:
        with (
            pytest.raises(AssertionError, match=r"leaked: task trio\.sleep_forever"),
            assert_no_leaks(),
        ):
            nursery.start_soon(trio.sleep_forever)
        nursery.cancel_scope.cancel()


def test_a_channel_that_is_open_at_both_ends_is_a_leak() -> None:
    kept = []
    with pytest.raises(AssertionError, match="leaked: channel"), assert_no_leaks():
        kept.append(trio.open_memory_channel[int](1))


def test_a_thread_that_goes_on_is_a_leak() -> None:
    stop = threading.Event()
    thread = threading.Thread(target=stop.wait, name="worker")
    with pytest.raises(AssertionError, match="leaked: thread worker"), assert_no_leaks():
        thread.start()
    stop.set()
    thread.join()


async def wait_in_thread(event: threading.Event) -> None:
    await trio.to_thread.run_sync(event.wait)


async def test_a_working_thread_of_trio_is_a_leak() -> None:
    stop = threading.Event()
    async with trio.open_nursery() as nursery:
        with pytest.raises(AssertionError, match="1 working threads of Trio"), assert_no_leaks():
            nursery.start_soon(wait_in_thread, stop)
            await trio.testing.wait_all_tasks_blocked()
        stop.set()


def test_an_exception_in_the_block_is_not_hidden_by_its_leaks() -> None:
    kept = []
    with pytest.raises(KeyError), assert_no_leaks():
        kept.append(trio.open_memory_channel[int](1))
        raise KeyError


# ---------------------------------------------------------------- the clock
def in_virtual_time(main: Callable[[], Awaitable[T]]) -> tuple[T, float]:
    """Return what *main* returns, and the virtual time at its end."""
    clock = VirtualClock()
    return trio.run(main, clock=clock), clock.current_time()


def test_a_week_of_sleep_takes_no_time() -> None:
    assert in_virtual_time(partial(trio.sleep, 7 * 24 * 3600)) == (None, 604_800)


@pytest.mark.parametrize("limiter", [None, trio.CapacityLimiter(1)])
def test_the_clock_waits_for_threads(limiter: trio.CapacityLimiter | None) -> None:
    async def main() -> None:
        with trio.fail_after(1):
            async with trio.open_nursery() as nursery:
                for _ in range(2):
                    nursery.start_soon(partial(in_thread, limiter=limiter))

    async def in_thread(limiter: trio.CapacityLimiter | None) -> None:
        await trio.to_thread.run_sync(time.sleep, 0.01, limiter=limiter)

    assert in_virtual_time(main) == (None, 0)


def test_the_clock_waits_for_sockets_and_processes() -> None:
    async def main() -> bytes:
        left, right = trio.socket.socketpair()
        with left, right, trio.fail_after(1):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(after_a_process, left)
                return await right.recv(1)

    async def after_a_process(left: trio.socket.SocketType) -> None:
        await trio.run_process([sys.executable, "-S", "-c", ""])
        await left.send(b"x")

    assert in_virtual_time(main) == (b"x", 0)


def test_a_thread_can_have_the_clock_jump() -> None:
    async def main() -> None:
        await trio.to_thread.run_sync(trio.from_thread.run, trio.sleep, 60)

    assert in_virtual_time(main) == (None, 60)


def test_who_waits_for_all_to_be_blocked_comes_before_a_jump() -> None:
    async def main() -> float:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep, 60)
            await trio.testing.wait_all_tasks_blocked()
            return trio.current_time()

    assert in_virtual_time(main) == (0, 60)


# ---------------------------------------------------------------- the mirror
async def test_the_mirror_finds_a_state_that_is_not_the_fold() -> None:
    mirror = Mirror()

    @step
    async def meddle(value: int) -> int:
        run.record.output = "meddled"
        return value

    async with open_engine(plugins=[mirror]) as engine:
        run = engine.create_run(Workflow("w", input=int).then(meddle))
        mirror.watch(run)
        await run.start(1)

    with pytest.raises(AssertionError, match="differ after event 2, step-result"):
        mirror.check()


# ---------------------------------------------------------------- fuzz_cancel
def test_fuzz_cancel_tries_every_point_and_says_how_many() -> None:
    one = Workflow("w", input=int).then(add_one)
    two = one.then(add_one.clone("again")).sleep(1)

    assert 0 < fuzz_cancel(one, 1) < fuzz_cancel(two, 1)


def test_fuzz_cancel_answers_and_passes_options_to_the_engine() -> None:
    limited = Workflow("w", input=int).then(attrs.evolve(take_event, limit="few")).then("add_one")

    assert fuzz_cancel(limited, 1, answers={"number": 1}, limits={"few": 1}, steps=[add_one]) > 9


def test_fuzz_cancel_reports_the_first_point_that_goes_wrong() -> None:
    kept: list[Any] = []

    @step
    async def leaks_if_canceled(value: int) -> int:
        try:
            await trio.sleep(1)
        except trio.Cancelled:
            kept.append(trio.open_memory_channel[int](1))
            raise
        return value

    with pytest.raises(AssertionError, match="leaked: channel") as caught:
        fuzz_cancel(Workflow("w", input=int).then(leaks_if_canceled), 1)

    note = "\n".join(caught.value.__notes__)
    assert "canceled by run at task step" in note
    assert "in task" in note
    assert 'File "' in note
    assert "  >>    1  step-start                 0        leaks_if_canceled" in note


class Forger(Instrument):
    """Changes an event, which nobody may."""

    def on_event(self, event: events.Event) -> None:
        if isinstance(event, events.StepFinish):
            object.__setattr__(event, "attempts", 7)


def test_fuzz_cancel_checks_the_events() -> None:
    with pytest.raises(EventOrderError, match=r"rule 6 .* 7"):
        fuzz_cancel(Workflow("w", input=int).then(add_one), 1, instruments=[Forger()])


def test_fuzz_cancel_does_not_blame_a_cancellation_that_never_was() -> None:
    with pytest.raises(InvalidValueError) as caught:
        fuzz_cancel(Workflow("w", input=int).then(add_one), "1")

    assert caught.value.__notes__ == ["the run was not canceled: it did not reach task step 1"]


async def test_fuzz_cancel_refuses_to_run_inside_of_trio() -> None:
    with pytest.raises(RuntimeError, match="call it from a plain def"):
        fuzz_cancel(Workflow("w", input=int).then(add_one), 1)


def test_fuzz_cancel_waits_for_threads() -> None:
    @step
    def blocks(value: int) -> int:
        time.sleep(0.001)
        return value

    assert fuzz_cancel(Workflow("w", input=int).then(blocks), 1) > 3


def test_fuzz_cancel_finds_a_run_that_hangs() -> None:
    never = trio.Event()

    @step
    async def hangs(value: int) -> int:
        await never.wait()
        return value

    with pytest.raises(trio.TooSlowError):
        fuzz_cancel(Workflow("w", input=int).then(hangs), 1)


def test_events_that_break_the_grammar_are_an_assertion_error() -> None:
    with pytest.raises(AssertionError):
        check_events([])
    assert issubclass(EventOrderError, AssertionError)


# ---------------------------------------------------------------- strategies
# `find` keeps a text of what it has found, which is large where nothing is made smaller.
pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")


def example(strategy: SearchStrategy[T], condition: Callable[[T], bool] = lambda _: True) -> T:
    """Return something that a strategy generates, not made smaller."""
    return find(
        strategy,
        condition,
        settings=settings(phases=[Phase.generate], max_examples=10_000, derandomize=True),
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", [Then, Parallel, Branch, Loop, ForEach, Map, Sleep, SleepUntil, WaitForEvent]
)
def test_generated_workflows_have_nodes_of_every_kind(kind: type) -> None:
    example(workflows(), lambda workflow: any(isinstance(node, kind) for node in nodes(workflow)))


def nodes(workflow: Workflow[Any, Any]) -> Iterator[Node]:
    """Yield the nodes of a workflow and of those nested in it."""
    for node in workflow.nodes:
        yield node
        for target in targets_of(node):
            if isinstance(target, Workflow):
                yield from nodes(target)


@pytest.mark.slow
def test_generated_workflows_are_nested_as_deep_as_wanted() -> None:
    def is_deep(spec: WorkflowSpec) -> bool:
        return depth(spec) == 4

    assert depth(example(workflow_specs(), is_deep)) == 4
    assert depth(example(workflow_specs(Taste(depth=1)))) == 1


def depth(spec: Any) -> int:
    inner = [depth(part) for part in parts(spec)[1:] if isinstance(part, WorkflowSpec)]
    return 1 + max(inner, default=0)


def test_generated_workflows_say_what_they_are_made_of() -> None:
    workflow = example(workflows())

    assert isinstance(workflow.metadata["spec"], WorkflowSpec)
    trio.run(record, workflow, example(inputs()), clock=MockClock(autojump_threshold=0))


def test_generated_logs_can_be_long() -> None:
    assert len(example(event_logs(), lambda log: len(log) > 20)) > 20


def test_the_kit_does_without_hypothesis() -> None:
    code = "import sys, trioflow.testing; sys.exit('hypothesis' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
