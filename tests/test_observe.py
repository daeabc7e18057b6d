"""Observers of durable runs: the exact suffix, from memory or the journal, or a gap told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.flows import add_one, observed, sleeps
from tests.suspending import Calls
from trioflow import Engine, EventStream, StepContext, Workflow, events, open_engine, step
from trioflow._engine.journal.codec import decode
from trioflow._engine.stream.channel import HISTORY, SLACK
from trioflow.errors import HistoryGap, UnknownRunError
from trioflow.stores import MemoryStore

Flow = Workflow[Any, Any]


def flow(id: str = "w") -> Flow:
    return Workflow(id, input=Any, output=Any)


def seqs(observed: Iterable[events.Event]) -> list[int]:
    return [event.seq for event in observed]


async def read(engine: Engine, after: int | None = None) -> list[events.Event]:
    async with engine.observe("r", after) as stream:
        return [event async for event in stream]


@pytest.mark.parametrize("after", [None, 0, 3, 6])
async def test_the_missing_suffix_after_the_end(after: int | None) -> None:
    workflow, store = flow().then(add_one).then(add_one.clone("more")), MemoryStore()
    async with open_engine(plugins=[], store=store) as engine:
        run = engine.create_run(workflow, run_id="r")
        await run.start(0)
        expected = list(range(0 if after is None else after + 1, run.record.next_seq))
        assert seqs(await observed(run, after)) == expected
        assert seqs(await read(engine, after)) == expected
    async with open_engine(plugins=[], store=store) as other:
        found = await read(other, after)
        assert seqs(found) == expected
        assert isinstance(found[-1], events.Finish)


async def test_another_engine_follows_a_run(autojump_clock: MockClock) -> None:
    workflow, store = flow().then(add_one).sleep(10).then(add_one.clone("more")), MemoryStore()
    found: list[events.Event] = []
    async with (
        open_engine(plugins=[], store=store) as first,
        open_engine(plugins=[], store=store) as second,
        trio.open_nursery() as nursery,
    ):
        first.submit(workflow, 0, run_id="r")
        await trio.sleep(5)

        async def follow() -> None:
            found.extend(await read(second))

        nursery.start_soon(follow)
    assert found == [*decode("r", await store.read("r"))]
    assert isinstance(found[-1], events.Finish)


async def test_what_goes_on_elsewhere_is_read_from_the_journal(autojump_clock: MockClock) -> None:
    workflow, store = flow().then(Calls().asks()).sleep(10), MemoryStore()
    async with (
        open_engine(plugins=[], store=store, workflows=[workflow]) as first,
        open_engine(plugins=[], store=store, workflows=[workflow]) as second,
    ):
        run = first.create_run(workflow, run_id="r")
        await run.start(0)
        await (await second.load_run("r")).resume(1)
        assert seqs(await read(first)) == seqs([*decode("r", await store.read("r"))])


@step
async def writes_twice(event: Any, ctx: StepContext) -> None:
    for number in range(20):
        await ctx.write(number)
    await event.wait()
    for number in range(20):
        await ctx.write(number)


async def test_the_run_does_not_wait_for_a_late_one_that_takes_gaps() -> None:
    event = trio.Event()
    run = Workflow("w").then(writes_twice).create_run()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run.start, event)
        await wait_all_tasks_blocked()
        async with run.observe(max_buffer_size=4, on_full="gap") as late:
            event.set()
            assert (await run.wait()).status == "success"

            # What had happened before is no fault of its own.
            assert [(await late.receive()).seq for _ in range(22)] == list(range(22))
            with pytest.raises(HistoryGap, match="22"):
                await late.receive()


async def test_all_tasks_that_wait_at_a_gap_are_told() -> None:
    event, told = trio.Event(), 0
    run = Workflow("w").then(writes_twice).create_run()

    async def read() -> None:
        nonlocal told
        with pytest.raises(HistoryGap):
            while True:
                await stream.receive()
        told += 1

    opening = run.observe(max_buffer_size=1, on_full="gap")
    async with opening as stream, trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(read)
        await wait_all_tasks_blocked()
        nursery.start_soon(run.start, event)
        await wait_all_tasks_blocked()
        assert told == 6
        event.set()


@pytest.mark.slow
async def test_a_gap_is_told(autojump_clock: MockClock) -> None:
    workflow = flow()
    for number in range((HISTORY + SLACK) // 3 + 10):
        workflow = workflow.then(add_one.clone(f"s{number}"))
    run = workflow.create_run()
    await run.start(0)
    with pytest.raises(HistoryGap) as caught:
        await observed(run)
    first = caught.value.first_available
    rest = await observed(run, first - 1)
    assert seqs(rest) == list(range(first, run.record.next_seq))


async def test_a_journal_has_no_gap() -> None:
    workflow, store = flow(), MemoryStore()
    for number in range((HISTORY + SLACK) // 3 + 10):
        workflow = workflow.then(add_one.clone(f"s{number}"))
    async with open_engine(plugins=[], store=store) as engine:
        run = engine.create_run(workflow, run_id="r")
        await run.start(0)
        assert seqs(await read(engine)) == list(range(run.record.next_seq))


async def test_a_slow_observer_is_told_of_a_gap_and_the_run_goes_on() -> None:
    run = flow().then(add_one).then(add_one.clone("more")).create_run()
    found: list[events.Event] = []
    async with run.observe(max_buffer_size=2, on_full="gap") as slow:
        assert (await run.start(0)).status == "success"
        with pytest.raises(HistoryGap) as caught:
            async for event in slow:
                found.append(event)
    assert seqs(found) == [0, 1]
    assert caught.value.first_available == 2


async def test_all_tasks_that_share_a_slow_observer_are_told_of_a_gap(
    autojump_clock: MockClock,
) -> None:
    run = flow().then(sleeps(1)).then(sleeps(60, "more")).create_run()
    told: list[float] = []

    async def read(shared: EventStream) -> None:
        with pytest.raises(HistoryGap):
            while True:
                await shared.receive()
        told.append(trio.current_time())

    opening = run.observe(max_buffer_size=1, on_full="gap")
    async with opening as shared, trio.open_nursery() as nursery:
        nursery.start_soon(read, shared)
        nursery.start_soon(read, shared)
        await wait_all_tasks_blocked()
        await run.start(0)

    assert told == [1, 1]


async def test_an_unknown_run_is_refused() -> None:
    async with open_engine(plugins=[], store=MemoryStore()) as engine:
        with pytest.raises(UnknownRunError):
            async with engine.observe("r"):
                pass


@step
async def chats(value: Any, ctx: StepContext) -> str:
    """Write chunks, which are not in the journal, before and after an answer."""
    for number in range(5):
        await ctx.write(number)
    if ctx.resume_data is None:
        ctx.suspend("go on?")
    return "done"


class TestAJournalWithoutChunks:
    async def test_what_follows_it_is_read_from_its_first_event_on(self) -> None:
        store, talk = MemoryStore(), flow().then(chats)
        async with open_engine(plugins=[], store=store, workflows=[talk]) as first:
            run = first.create_run(talk, run_id="r")
            await run.start(0)
        last = run.record.next_seq - 1

        async with open_engine(plugins=[], store=store, workflows=[talk]) as second:
            loaded = await second.load_run("r")
            async with loaded.observe() as whole, loaded.observe(after=last - 2) as rest:
                async with loaded.resume_stream(True, step="chats") as stream:
                    seen = [event async for event in stream]
                assert seqs(seen) == list(range(last + 1, loaded.record.next_seq))
                assert seqs([e async for e in whole]) == [0, 1, 7, 8, 9]
                assert seqs([e async for e in rest]) == [last - 1, last]
            for after in range(loaded.record.next_seq):
                expected = [e.seq for e in loaded._life.core.log.history() if e.seq > after]
                assert seqs(await observed(loaded, after)) == expected

    async def test_a_recovery_is_read_from_its_first_event_on(
        self, autojump_clock: MockClock
    ) -> None:
        @step
        async def writes_long(value: Any, ctx: StepContext) -> None:
            for number in range(30):
                await ctx.write(number)

        store, talk = MemoryStore(), flow().then(writes_long).then(sleeps(1000)).then(writes_long)
        async with open_engine(plugins=[], store=store, workflows=[talk]) as first:
            died = first.submit(talk, 0, run_id="r")
            await trio.sleep(1)
        last = max(e.seq for e in decode("r", await store.read("r", limit=10**6)))
        assert last > 30
        assert died.status == "canceled"

        async with open_engine(plugins=[], store=store, workflows=[talk]) as second:
            run = await second.load_run("r")
            async with run.observe(last) as stream, trio.open_nursery() as nursery:
                nursery.start_soon(run.recover)
                seen = [event async for event in stream]
        assert seqs(seen) == list(range(last + 1, run.record.next_seq))

    async def test_an_open_stream_goes_on_with_what_another_engine_did(self) -> None:
        @step
        async def asks_twice(value: Any, ctx: StepContext) -> str:
            for number in range(5):
                await ctx.write(number)
            if ctx.resume_data != 2:
                ctx.suspend("again?")
            return "done"

        store, talk = MemoryStore(), flow().then(asks_twice)
        async with (
            open_engine(plugins=[], store=store, workflows=[talk]) as first,
            open_engine(plugins=[], store=store, workflows=[talk]) as second,
        ):
            run = first.create_run(talk, run_id="r")
            async with run.stream(0, close_on_suspend=False) as stream:
                await wait_all_tasks_blocked()
                begun = [event.seq for event in await stream.receive_some()]
                await (await second.load_run("r")).resume(1, step="asks_twice")
                await run.resume(2, step="asks_twice")
                seen = begun + [event.seq async for event in stream]

        recorded = [event.seq for event in decode("r", await store.read("r", limit=10**6))]
        assert sorted(set(seen)) == seen
        assert set(recorded) <= set(seen)
