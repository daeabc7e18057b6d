"""Observers that fall behind or wait for days: no run waits for them, and they miss nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.flows import add_one, observed, sleeps
from tests.suspending import Calls
from trioflow import Engine, EventStream, StepContext, Workflow, events, open_engine, step
from trioflow._engine.stream.channel import HISTORY, SLACK
from trioflow.errors import (
    HistoryGap,
    JournalFormatError,
    RunStateError,
    UnknownRunError,
)
from trioflow.stores import MemoryStore

Flow = Workflow[Any, Any]
LONG = (HISTORY + SLACK) * 2
"""More chunks than a run holds."""


@step
async def writes(count: int, ctx: StepContext) -> int:
    for number in range(count):
        await ctx.write(number)
    return count


@asynccontextmanager
async def engine_on(
    store: MemoryStore | None, *workflows: Flow, chunks: bool = True
) -> AsyncGenerator[Engine, None]:
    async with open_engine(
        plugins=[], store=store, workflows=workflows, journal_chunks=chunks
    ) as engine:
        yield engine


def seqs(seen: list[events.Event]) -> list[int]:
    return [event.seq for event in seen]


class Slowly:
    """Reads a stream with a pause after each of the first events."""

    def __init__(self, pause: float, count: int = 5) -> None:
        self.seen: list[events.Event] = []
        self.error: Exception | None = None
        self._pause, self._count = pause, count

    async def read(self, opening: Any, *, task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
        async with opening as stream:
            task_status.started()
            try:
                async for event in stream:
                    self.seen.append(event)
                    if len(self.seen) <= self._count:
                        await trio.sleep(self._pause)
            except (HistoryGap, UnknownRunError, RunStateError) as exc:
                self.error = exc


# ---------------------------------------------------------------- falling behind
@pytest.mark.parametrize("by_engine", [False, True], ids=["run.observe", "engine.observe"])
async def test_a_slow_observer_reads_on_from_the_journal(
    by_engine: bool, autojump_clock: MockClock
) -> None:
    store, workflow = MemoryStore(), Workflow("w").then(writes).then(add_one)
    slow = Slowly(100)
    async with engine_on(store, workflow) as engine, trio.open_nursery() as nursery:
        run = engine.create_run(workflow, run_id="r")
        opening = engine.observe("r") if by_engine else run.observe()
        await nursery.start(slow.read, opening)
        assert (await run.start(LONG)).status == "success"
        assert trio.current_time() == 0

    assert seqs(slow.seen) == list(range(run.record.next_seq))


async def test_without_a_store_it_is_told_of_the_gap(autojump_clock: MockClock) -> None:
    run, slow = Workflow("w").then(writes).create_run(), Slowly(100)
    async with trio.open_nursery() as nursery:
        await nursery.start(slow.read, run.observe())
        assert (await run.start(LONG)).status == "success"

    assert isinstance(slow.error, HistoryGap)
    assert seqs(slow.seen) == list(range(len(slow.seen)))
    rest = await observed(run, slow.error.first_available - 1)
    assert rest[0].seq == slow.error.first_available


async def test_what_the_run_still_holds_is_read_without_a_gap(autojump_clock: MockClock) -> None:
    run, slow = Workflow("w").then(writes).create_run(), Slowly(100)
    async with trio.open_nursery() as nursery:
        await nursery.start(slow.read, run.observe(max_buffer_size=1))
        assert (await run.start(HISTORY - 10)).status == "success"
        assert trio.current_time() == 0

    assert slow.error is None
    assert seqs(slow.seen) == list(range(HISTORY - 5))


async def test_a_run_waits_only_for_observers_that_ask_for_it(autojump_clock: MockClock) -> None:
    run, slow = Workflow("w").then(writes).create_run(), Slowly(1, count=10**6)
    async with trio.open_nursery() as nursery:
        await nursery.start(slow.read, run.observe(max_buffer_size=1, on_full="wait"))
        await run.start(10)
        assert trio.current_time() > 5

    assert seqs(slow.seen) == list(range(run.record.next_seq))


async def test_it_sees_the_run_again_once_it_has_caught_up(autojump_clock: MockClock) -> None:
    """It is woken for what happens next, chunks included that no journal has."""
    store = MemoryStore()
    workflow = Workflow("w").then(writes).then(sleeps(500)).map(lambda _: 3).then(writes.clone("b"))
    slow = Slowly(10)
    async with engine_on(store, workflow, chunks=False) as engine, trio.open_nursery() as nursery:
        run = engine.create_run(workflow, run_id="r")
        await nursery.start(slow.read, run.observe())
        await run.start(LONG)

    late = [e for e in slow.seen if isinstance(e, events.StepOutput) and e.id == "b"]
    assert len(late) == 3
    lifecycle = [e.seq for e in slow.seen if not isinstance(e, events.StepOutput)]
    assert lifecycle == [entry.seq for entry in await store.read("r")]
    assert sorted(set(seqs(slow.seen))) == seqs(slow.seen)


async def test_what_it_holds_is_bounded(autojump_clock: MockClock) -> None:
    store, workflow = MemoryStore(), Workflow("w").then(writes)
    async with engine_on(store, workflow) as engine:
        run = engine.create_run(workflow, run_id="r")
        async with run.observe(max_buffer_size=8) as stream:
            await run.start(LONG)
            seen = most = 0
            while batch := await stream.receive_some():
                seen += len(batch)
                if stream._reader.is_behind:  # else it looks at what the run holds anyway
                    most = max(most, len(stream._reader.window.events))
            assert seen == run.record.next_seq
            assert most <= 8


async def test_clones_share_what_is_fetched(autojump_clock: MockClock) -> None:
    store, workflow = MemoryStore(), Workflow("w").then(writes)
    got: list[int] = []

    async def read(stream: EventStream) -> None:
        async for event in stream:
            got.append(event.seq)

    async with engine_on(store, workflow) as engine:
        run = engine.create_run(workflow, run_id="r")
        async with run.observe() as stream:
            await run.start(LONG)
            async with stream.clone() as clone, trio.open_nursery() as nursery:
                nursery.start_soon(read, clone)
                nursery.start_soon(read, stream)
    assert sorted(got) == list(range(run.record.next_seq))


async def test_canceling_a_fetch_loses_nothing(autojump_clock: MockClock) -> None:
    class Slow(MemoryStore):
        async def read(self, run_id: str, after: int = -1, limit: int = 1000) -> Any:
            await trio.sleep(1)
            return await super().read(run_id, after, limit)

    store, workflow = Slow(), Workflow("w").then(writes)
    async with engine_on(store, workflow) as engine:
        run = engine.create_run(workflow, run_id="r")
        async with run.observe() as stream:
            await run.start(LONG)
            assert (stream.statistics().current_buffer_used, stream._reader.is_behind) == (0, True)
            with pytest.raises(trio.WouldBlock):
                stream.receive_nowait()
            with trio.move_on_after(0.5) as scope:
                await stream.receive()
            assert scope.cancelled_caught
            assert [event.seq async for event in stream] == list(range(run.record.next_seq))


async def test_closing_wakes_a_task_that_fetches(autojump_clock: MockClock) -> None:
    store, workflow = MemoryStore(), Workflow("w").then(Calls().asks())
    async with engine_on(store, workflow) as engine:
        run = engine.create_run(workflow, run_id="r")
        await run.start(1)
        async with run.observe(run.record.next_seq - 1, until="finished") as stream:

            async def read() -> None:
                with pytest.raises(trio.ClosedResourceError):
                    await stream.receive()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(read)
                await trio.sleep(100)
                stream.close()
            assert trio.current_time() == 100


# ---------------------------------------------------------------- to the end, over suspensions
ASKING = Workflow("w").then(Calls().asks()).then(sleeps(1)).then(Calls().asks("again"))


@pytest.mark.parametrize("kind", ["no engine", "an engine", "a store"])
async def test_an_observer_continues_over_suspensions(kind: str, autojump_clock: MockClock) -> None:
    store = MemoryStore() if kind == "a store" else None
    whole, part = Slowly(0), Slowly(0)
    async with engine_on(store, ASKING) as engine, trio.open_nursery() as nursery:
        run = ASKING.create_run() if kind == "no engine" else engine.create_run("w")
        await nursery.start(whole.read, run.observe(until="finished"))
        await nursery.start(part.read, run.observe())
        await run.start(1)
        await trio.sleep(1000)
        await run.resume(1)
        await trio.sleep(1000)
        assert (await run.resume(2)).status == "success"

    assert seqs(whole.seen) == list(range(run.record.next_seq))
    assert isinstance(part.seen[-1], events.Finish)
    assert part.seen[-1].status == "suspended"


async def test_an_observer_that_comes_while_the_run_waits(autojump_clock: MockClock) -> None:
    for store in (None, MemoryStore()):
        late = Slowly(0)
        async with engine_on(store, ASKING) as engine, trio.open_nursery() as nursery:
            run = engine.create_run("w", run_id="r")
            await run.start(1)
            await nursery.start(late.read, engine.observe("r", until="finished"))
            await trio.sleep(50)
            await run.resume(1)
            await run.resume(2)

        assert seqs(late.seen) == list(range(run.record.next_seq))


@pytest.mark.parametrize("known", [True, False])
async def test_a_run_that_is_resumed_in_another_engine(
    known: bool, autojump_clock: MockClock
) -> None:
    store, seen = MemoryStore(), Slowly(0)
    async with (
        engine_on(store, ASKING) as one,
        engine_on(store, *([ASKING] if known else [])) as other,
        trio.open_nursery() as nursery,
    ):
        run = one.submit("w", 1, run_id="r")
        await run.wait()
        if known:
            await other.load_run("r")
        await nursery.start(seen.read, other.observe("r", until="finished"))
        await trio.sleep(100)
        await run.resume(1)
        await trio.sleep(100)
        await run.resume(2)

    assert seqs(seen.seen) == list(range(run.record.next_seq))


async def test_a_run_that_moves_between_engines(autojump_clock: MockClock) -> None:
    store, seen = MemoryStore(), Slowly(0)
    async with (
        engine_on(store, ASKING) as one,
        engine_on(store, ASKING) as other,
        trio.open_nursery() as nursery,
    ):
        run = one.submit("w", 1, run_id="r")
        await nursery.start(seen.read, run.observe(until="finished"))
        await run.wait()
        loaded = await other.load_run("r")
        await loaded.resume(1)
        await trio.sleep(10)
        mine = await one.load_run("r")
        result = await mine.resume(2)
        assert result.status == "success"

    assert seqs(seen.seen) == list(range(mine.record.next_seq))


async def test_a_run_that_was_halted_and_recovered(autojump_clock: MockClock) -> None:
    """What a halted run did only in memory is not shown."""
    store = MemoryStore()
    workflow = Workflow("w").then(sleeps(10)).map(lambda _: 1).then(add_one)
    seen = Slowly(0)
    async with engine_on(store, workflow) as other, trio.open_nursery() as nursery:
        async with engine_on(store, workflow) as one:
            one.submit(workflow, 1, run_id="r")
            await wait_all_tasks_blocked()
            await nursery.start(seen.read, other.observe("r", until="finished"))
            await trio.sleep(1)
        await trio.sleep(1)
        await other.recover()

    assert [event.type for event in seen.seen][:3] == ["start", "step-start", "recover"]
    assert isinstance(seen.seen[-1], events.Finish)
    assert seen.seen[-1].status == "success"
    assert sorted(set(seqs(seen.seen))) == seqs(seen.seen)


# ---------------------------------------------------------------- ends
@pytest.mark.parametrize("state", ["pending", "suspended", "elsewhere", "unknown here"])
@pytest.mark.parametrize("durable", [True, False])
async def test_observers_end_when_the_engine_closes(
    state: str, durable: bool, autojump_clock: MockClock
) -> None:
    store = MemoryStore() if durable else None
    if state in ("elsewhere", "unknown here") and not durable:
        return
    seen = Slowly(0)
    async with trio.open_nursery() as nursery, engine_on(store, ASKING) as other:
        if state == "elsewhere":
            slow = Workflow("w").then(sleeps(10**6))
            other.submit(slow, 1, run_id="r")
        elif state == "unknown here":
            await other.submit("w", 1, run_id="r").wait()
        async with engine_on(store, ASKING) as engine:
            if state == "pending":
                run = engine.create_run("w", run_id="r")
            elif state == "suspended":
                run = engine.create_run("w", run_id="r")
                await run.start(1)
            await wait_all_tasks_blocked()
            await nursery.start(seen.read, engine.observe("r", until="finished"))
            await trio.sleep(5)
            closing = trio.current_time()
        await wait_all_tasks_blocked()
        assert not nursery.child_tasks
        assert trio.current_time() == closing

    assert seen.error is None


async def test_a_deleted_run_ends_its_observers(autojump_clock: MockClock) -> None:
    store, seen = MemoryStore(), Slowly(0)
    async with engine_on(store, ASKING) as engine, trio.open_nursery() as nursery:
        run = engine.submit("w", 1, run_id="r")
        await run.wait()
        del run
        await nursery.start(seen.read, engine.observe("r", until="finished"))
        await trio.sleep(5)
        await engine.delete_run("r")

    assert isinstance(seen.error, UnknownRunError)
    assert seen.seen


async def test_reading_on_after_the_engine_has_closed_is_refused(autojump_clock: MockClock) -> None:
    store, workflow = MemoryStore(), Workflow("w").then(writes)
    async with engine_on(store, workflow) as engine:
        run = engine.create_run(workflow, run_id="r")
        opening = run.observe()
        stream = await opening.__aenter__()
        await run.start(LONG)
    with pytest.raises(RunStateError, match="its engine is closed; observe it with another one"):
        await stream.receive()
    await opening.__aexit__(None, None, None)


async def test_a_damaged_journal_is_read_up_to_the_damage(autojump_clock: MockClock) -> None:
    store, workflow = MemoryStore(), Workflow("w").then(add_one).then(add_one.clone("b"))
    async with engine_on(store, workflow) as engine:
        await engine.create_run(workflow, run_id="r").start(1)
    shelf = store._shelf.journals["r"]
    shelf.entries[4] = attrs.evolve(shelf.entries[4], text="{")
    async with engine_on(store) as engine:
        seen = []
        with pytest.raises(JournalFormatError):
            async with engine.observe("r") as stream:
                async for event in stream:
                    seen.append(event.seq)
    assert seen == [0, 1, 2, 3]


# ---------------------------------------------------------------- how they are opened
async def test_a_stream_that_is_not_entered_says_what_to_do() -> None:
    run = Workflow("w").then(add_one).create_run()
    async with engine_on(None) as engine:
        openings: dict[str, Any] = {
            "run.stream(...)": run.stream(1),
            "run.observe(...)": run.observe(),
            "run.resume_stream(...)": run.resume_stream(1),
            "engine.observe(...)": engine.observe("r"),
        }
        for call, opening in openings.items():
            with pytest.raises(TypeError) as caught:
                async for _ in opening:
                    pass
            assert f"async with {call} as stream" in str(caught.value)
            with pytest.raises(TypeError) as caught:
                await opening
            assert f"use async with {call} as stream" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"max_buffer_size": 0}, "max_buffer_size must be at least 1, not 0"),
        ({"on_full": "drop"}, "on_full must be one of 'journal', 'gap', 'wait', not 'drop'"),
        ({"until": "over"}, "until must be one of 'suspended', 'finished', not 'over'"),
    ],
)
async def test_wrong_options_are_refused_at_once(options: Any, problem: str) -> None:
    run = Workflow("w").create_run()
    async with engine_on(None) as engine:
        with pytest.raises(ValueError, match=problem):
            run.observe(**options)
        with pytest.raises(ValueError, match=problem):
            engine.observe("r", **options)
