"""The tree of a run's tasks, and what each of them is said to wait for."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import trio
import trio.lowlevel
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.flows import add_one, sleeps
from trioflow import Retry, Run, Step, StepContext, Workflow, open_engine, step, tool
from trioflow.stores import MemoryStore
from trioflow.testing import dump

Body = Callable[[], Awaitable[object]]


def does(body: Body, id: str = "a") -> Step[Any, None]:
    """Return a step that does nothing but *body*."""

    @step(id=id)
    async def runs(value: object) -> None:
        await body()

    return runs


async def dump_of(workflow: Workflow[Any, Any], value: Any = None, **options: Any) -> list[str]:
    """Run a workflow until all tasks wait, and return the lines of the dump."""
    async with open_engine(plugins=[], **options) as engine:
        run = engine.submit(workflow, value, run_id="r-1")
        await wait_all_tasks_blocked()
        return dump(run).splitlines()


async def activity(body: Body, **options: Any) -> str:
    """Return what the task of a step is said to do that does *body*."""
    return (await dump_of(Workflow("w").then(does(body)), **options))[2].strip()


def tasks_in(lines: list[str]) -> list[str]:
    """Return the lines that name tasks and nurseries, without their module."""
    return [
        re.sub(r"task \S*\.", "task ", line)
        for line in lines
        if line.lstrip().startswith(("task ", "nursery"))
    ]


# ---------------------------------------------------------------- the tree
async def test_a_task_is_shown_with_its_step_its_wait_and_the_users_line() -> None:
    event = trio.Event()

    @step
    async def waits(value: object) -> None:
        await event.wait()  # this line

    lines = await dump_of(Workflow("w").then(waits))

    assert lines[:3] == [
        "run r-1 of workflow 'w': running",
        "  task trioflow._engine.life.registry.RunRegistry.drive, in step 'waits' at 0",
        "    waits for a trio.Event",
    ]
    assert re.fullmatch(rf' {{4}}File "{re.escape(__file__)}", line \d+, in .*\.waits', lines[3])
    assert lines[4:] == ["      await event.wait()  # this line"]


async def test_tasks_stand_under_the_nurseries_that_they_are_in() -> None:
    @step
    async def spawns(value: object) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever, name="helper")
            nursery.start_soon(trio.sleep_forever, name="another")

    lines = await dump_of(Workflow("w").parallel(spawns, sleeps(60)))

    assert tasks_in(lines) == [
        "  task drive",
        "    nursery",
        "      task _run, in step 'sleeps' at 0:sleeps",
        "      task _run, in step 'spawns' at 0:spawns",
        "        nursery",
        "          task another",
        "          task helper",
    ]
    assert lines[2] == "    waits for the 2 tasks of its nursery"


async def test_nested_steps_and_items_are_told_by_their_addresses() -> None:
    inner = Workflow("inner", input=int).then(add_one).then(does(trio.sleep_forever, "deep"))

    nested = await dump_of(Workflow("w", input=int).then(inner), 1)
    items = await dump_of(
        Workflow("w", input=list[int]).foreach(does(trio.sleep_forever), concurrency=2), [1, 2, 3]
    )

    assert tasks_in(nested) == ["  task drive, in step 'inner.deep' at 0/1"]
    assert tasks_in(items) == [
        "  task drive, in step 'a' at 0[0]",
        "    nursery",
        "      task work, in step 'a' at 0[1]",
    ]


async def test_attempts_after_the_first_and_the_waits_between_them_are_told(
    autojump_clock: MockClock,
) -> None:
    @step(retry=Retry(attempts=3, delay=2.0))
    async def flaky(value: object, ctx: StepContext) -> None:
        if ctx.attempt == 2:
            await trio.sleep(60)
        raise OSError

    async with open_engine(plugins=[]) as engine:
        run = engine.submit(Workflow("w").then(flaky))
        await trio.sleep(0.5)
        first = dump(run).splitlines()
        await trio.sleep(9.5)
        second = dump(run).splitlines()

    assert first[1].endswith("in step 'flaky' at 0")
    assert first[2:] == ["    sleeps for another 1.500 s before its next attempt"]
    assert second[1].endswith("in step 'flaky' at 0, attempt 2")
    assert second[2] == "    sleeps for another 52.000 s"


async def test_a_tool_is_told_with_the_step_that_calls_it() -> None:
    @tool
    async def look() -> AsyncIterator[int]:
        await trio.sleep_forever()
        yield 1

    @step
    async def asks(value: object, ctx: StepContext) -> None:
        await ctx.call_tool(look)

    lines = await dump_of(Workflow("w").then(asks))

    assert tasks_in(lines) == ["  task drive, in step 'asks', tool 'look' at 0"]
    assert lines[3].endswith(".look")


async def test_what_the_caller_of_a_run_does_beside_it_does_not_belong_to_it() -> None:
    async def look(run: Run[Any, Any]) -> None:
        await wait_all_tasks_blocked()
        lines.extend(dump(run).splitlines())
        run.cancel()

    lines: list[str] = []
    async with trio.open_nursery() as nursery:
        run = Workflow("w").parallel(sleeps(60)).create_run()
        nursery.start_soon(look, run)
        await run.start(None)

    assert [line.strip() for line in tasks_in(lines)][1:] == [
        "nursery",
        "task _run, in step 'sleeps' at 0:sleeps",
    ]


async def test_a_run_inside_of_a_step_is_told_from_the_one_around_it() -> None:
    inner = Workflow("inner").then(does(trio.sleep_forever)).create_run(run_id="r-2")

    lines = await dump_of(Workflow("w").then(does(lambda: inner.start(None), "starts")))
    assert inner.status == "canceled"

    assert lines[1].endswith("in step 'a' at 0 of run r-2")


async def test_a_step_can_look_at_its_own_run() -> None:
    @step
    async def looks(value: object) -> str:
        return dump(run)

    run = Workflow("w").then(looks).create_run(run_id="r-1")
    lines = (await run.start(None)).unwrap().splitlines()

    assert lines[1].endswith(", in step 'looks' at 0")
    assert lines[2] == "    is running"
    assert lines[4] == "      return dump(run)"


async def test_a_debugger_shows_the_line_at_which_it_has_stopped() -> None:
    debugger: dict[str, Any] = {"__name__": "bdb"}
    exec("def stop(command):\n    return command()", debugger)

    @step
    async def debugged(value: object) -> str:
        return debugger["stop"](lambda: dump(run))  # type: ignore[no-any-return]

    run = Workflow("w").then(debugged).create_run(run_id="r-1")
    lines = (await run.start(None)).unwrap().splitlines()

    assert lines[3].endswith(".debugged")


async def test_another_thread_can_look_at_a_run_as_well() -> None:
    @step
    async def busy(value: object) -> None:
        await wait_all_tasks_blocked()
        looking = threading.Thread(target=lambda: lines.extend(dump(run).splitlines()))
        looking.start()
        looking.join()
        run.cancel()

    lines: list[str] = []
    run = Workflow("w").parallel(busy, sleeps(60)).create_run()
    await run.start(None)

    assert next(line.strip() for line in lines if line.startswith(" " * 8)) == "is running"
    assert any(re.search(r" sleeps until \d+\.\d+ on Trio's clock$", line) for line in lines)


async def test_tasks_that_have_not_begun_and_nurseries_that_are_canceled_are_told() -> None:
    async def stubborn() -> None:
        with trio.CancelScope(shield=True):
            await trio.lowlevel.checkpoint()
            await event.wait()

    @step
    async def looks(value: object) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stubborn, name="stubborn")
            await wait_all_tasks_blocked()
            nursery.start_soon(stubborn, name="late")
            nursery.cancel_scope.cancel()
            lines.extend(dump(run).splitlines())
            event.set()

    event = trio.Event()
    lines: list[str] = []
    run = Workflow("w").then(looks).create_run()
    await run.start(None)

    assert tasks_in(lines)[1:] == [
        "    nursery, canceled",
        "      task late",
        "      task stubborn",
    ]
    assert lines[lines.index("      task late") + 1].strip() == "is about to start"
    assert lines[lines.index("      task stubborn") + 1].strip() == "waits for a trio.Event"


async def test_a_run_that_is_being_canceled_says_so() -> None:
    async def clings() -> None:
        with trio.CancelScope(shield=True):
            await event.wait()

    event = trio.Event()
    async with open_engine(plugins=[]) as engine:
        run = engine.submit(Workflow("w").then(does(clings)), run_id="r-1")
        await wait_all_tasks_blocked()
        run.cancel()
        await wait_all_tasks_blocked()
        lines = dump(run).splitlines()
        event.set()

    assert lines[0] == "run r-1 of workflow 'w': running, being canceled"
    assert lines[2] == "    waits for a trio.Event"


# ---------------------------------------------------------------- runs without tasks
async def test_a_run_in_which_nothing_runs_tells_why() -> None:
    @step
    async def asks(value: object, ctx: StepContext) -> object:
        if ctx.resume_data is None:
            ctx.suspend(label="boss")
        return ctx.resume_data

    run = Workflow("w").then(asks).then(asks.clone("b")).create_run(run_id="r-1")
    pending = dump(run)
    await run.start(None)
    suspended = dump(run)
    await run.resume(1, per_step=True)
    paused = dump(run)
    run.cancel()

    assert pending == "run r-1 of workflow 'w': pending\n  waits for run.start()"
    assert suspended == (
        "run r-1 of workflow 'w': suspended\n  waits for an answer to step asks (label 'boss')"
    )
    assert paused == "run r-1 of workflow 'w': paused\n  waits for run.resume()"
    assert dump(run) == "run r-1 of workflow 'w': canceled"


async def test_a_run_that_goes_on_elsewhere_says_so() -> None:
    store, workflow = MemoryStore(), Workflow("w").then(sleeps(60))
    async with open_engine(plugins=[], store=store, workflows=[workflow]) as engine:
        engine.submit(workflow, run_id="r-1")
        await wait_all_tasks_blocked()
        async with open_engine(plugins=[], store=store, workflows=[workflow]) as other:
            lines = dump(await other.load_run("r-1")).splitlines()

    assert lines == [
        "run r-1 of workflow 'w': running",
        "  is running in another process, or is about to continue here",
    ]


# ---------------------------------------------------------------- what is waited for
async def test_waits_for_what_trio_has() -> None:
    send, receive = trio.open_memory_channel[int](0)
    condition, semaphore, lock = trio.Condition(), trio.Semaphore(0), trio.Lock()
    limiter = trio.CapacityLimiter(1)

    async def wait_for_condition() -> None:
        async with condition:
            await condition.wait()

    async def wait_for_lock() -> None:
        async with trio.open_nursery() as nursery:
            await lock.acquire()
            nursery.start_soon(lock.acquire)

    async def wait_for_place() -> None:
        async with limiter, trio.open_nursery() as nursery:
            nursery.start_soon(limiter.acquire)

    assert await activity(receive.receive) == "waits to receive from a trio.MemoryReceiveChannel"
    assert (
        await activity(functools.partial(send.send, 1))
        == "waits for room to send to a trio.MemorySendChannel"
    )
    assert await activity(semaphore.acquire) == "waits for a trio.Semaphore"
    assert await activity(wait_for_condition) == "waits for a trio.Condition"
    assert await activity(trio.sleep_forever) == "sleeps forever"
    assert await activity(functools.partial(trio.sleep, float("inf"))) == "sleeps forever"
    assert (await dump_of(Workflow("w").then(does(wait_for_lock))))[-1].strip() == (
        "waits for a trio.Lock that step 'a' holds"
    )
    assert (await dump_of(Workflow("w").then(does(wait_for_place))))[-1].strip() == (
        "waits for a slot of a trio.CapacityLimiter, 1 of 1 taken"
    )


async def test_a_lock_that_a_task_holds_which_is_not_a_step_is_told_with_the_task() -> None:
    lock = trio.Lock()
    async with trio.open_nursery() as nursery:
        await nursery.start(hold, lock, name="holder")
        told = await activity(lock.acquire)
        nursery.cancel_scope.cancel()

    assert told == "waits for a trio.Lock that task holder holds"


async def hold(lock: trio.Lock, *, task_status: trio.TaskStatus[None]) -> None:
    async with lock:
        task_status.started()
        await trio.sleep_forever()


async def test_waits_for_a_socket() -> None:
    left, right = trio.socket.socketpair()

    async def fill() -> None:
        while True:
            await left.send(bytes(1 << 16))

    with left, right:
        assert await activity(lambda: left.recv(1)) == "waits until there is something to read"
        assert await activity(fill) == "waits until it can write"


async def test_waits_for_a_process() -> None:
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE
    )
    try:
        assert await activity(process.wait) == f"waits for process {process.pid} to end"
    finally:
        process.kill()
        await process.wait()
        assert process.stdin is not None
        await process.stdin.aclose()


async def test_waits_for_a_thread_and_tells_where_the_thread_is() -> None:
    begun, go = threading.Event(), threading.Event()

    @step
    def in_thread(value: object) -> None:
        begun.set()
        go.wait(60)  # this line

    async with open_engine(plugins=[]) as engine:
        run = engine.submit(Workflow("w").then(in_thread))
        await trio.to_thread.run_sync(begun.wait)
        told = dump(run).splitlines()[2].strip()
        go.set()
        await run.wait()

    match = re.fullmatch(r'waits for a thread that runs (.*), at File "(.*)", line \d+', told)
    assert match is not None
    assert match[1].endswith(".in_thread")
    assert match[2] == __file__


async def test_what_is_not_known_is_told_by_its_name() -> None:
    with trio.open_signal_receiver(2) as signals:
        told = await activity(lambda: anext(signals))

    assert told.endswith(".SignalReceiver.__anext__")


async def test_waits_for_the_engine_are_told(autojump_clock: MockClock) -> None:
    @step
    async def writes(value: object, ctx: StepContext) -> None:
        while True:
            await ctx.write("chunk")

    @step(limit="db")
    async def limited(value: object) -> None:
        await trio.sleep(60)

    @step
    async def listens(value: object, ctx: StepContext) -> None:
        await ctx.wait_for("go", timeout=9)

    run = Workflow("w").then(writes).create_run()
    async with run.stream(None):
        await wait_all_tasks_blocked()
        writing = dump(run).splitlines()
    async with Workflow("w").create_run().observe() as stream:
        for reading in (stream.receive, stream.receive_some):
            assert await activity(reading) == "waits to receive from the stream of a run"
    both = await dump_of(Workflow("w").parallel(limited, limited.clone("b")), limits={"db": 1})
    listening = await dump_of(Workflow("w").then(listens))
    node = await dump_of(Workflow("w").wait_for_event("go", add_one))
    sleeping = await dump_of(Workflow("w").sleep(5))

    assert writing[2].strip() == "waits for room in the buffer of a reader"
    assert "        waits for a slot of limit 'db', 1 of 1 taken" in both
    assert listening[2].strip() == "waits for event 'go' to be sent to the run"
    assert node[1].endswith("in step 'add_one' at 0")
    assert node[2:] == ["    waits for event 'go' to be sent to the run"]
    assert sleeping[1].endswith("in sleep 'sleep_w_0' at 0")
    assert sleeping[2:] == ["    sleeps for another 5.000 s"]


async def test_a_run_that_waits_for_its_journal_says_so() -> None:
    class Stuck(MemoryStore):
        async def append(self, appends: Any) -> Any:
            await stuck.wait()
            return await super().append(appends)

    stuck = trio.Event()
    async with open_engine(plugins=[], store=Stuck()) as engine:
        run = engine.submit(Workflow("w", input=int).then(add_one).then(add_one.clone("b")), 1)
        await wait_all_tasks_blocked()
        boundary = dump(run).splitlines()
        run.cancel()
        await wait_all_tasks_blocked()
        ending = dump(run).splitlines()
        stuck.set()

    assert boundary[2].strip() == "waits for the journal to be written"
    assert ending[2].strip() == "waits for the journal to be written"


async def test_a_run_that_is_drained_says_so() -> None:
    @step
    async def ends(value: int) -> int:
        await event.wait()
        return value

    event, other = trio.Event(), trio.Event()
    async with open_engine(plugins=[]) as engine, trio.open_nursery() as nursery:
        chain = Workflow("chain", input=int).then(ends).then(add_one)
        run = engine.submit(Workflow("w", input=int).parallel(chain, does(other.wait)), 1)
        await wait_all_tasks_blocked()
        nursery.start_soon(run.drain)
        await wait_all_tasks_blocked()
        event.set()
        await wait_all_tasks_blocked()
        lines = dump(run).splitlines()
        other.set()

    assert "        starts nothing more: the run is being drained" in lines
