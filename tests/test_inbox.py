"""What other processes ask of a run: kept in the store until its effect is recorded."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.suspending import Calls, all_events, cut
from trioflow import StepContext, Workflow, events, open_engine, step
from trioflow.abc import MAX_REQUESTS, Append, Entry, Request
from trioflow.errors import (
    JournalConflictError,
    NotResumableError,
    NotSerializableError,
    NotSuspendedError,
    RunClaimedError,
    RunFinishedError,
    StoreError,
    UnknownRunError,
)
from trioflow.stores import MemoryStore
from trioflow.testing import check_events


@step
async def got(value: Any, ctx: StepContext) -> Any:
    return ctx.resume_data


@step
async def slow(value: Any) -> Any:
    await trio.sleep(60)
    return value


WAITS = Workflow("waits", input=int, output=Any).wait_for_event("go", got)
SLOW = Workflow("slow", input=int, output=Any).then(slow)
ASKS = Workflow("asks", input=int, output=Any).then(Calls().asks())


def engine_on(store: MemoryStore, *workflows: Workflow[Any, Any], **options: Any) -> Any:
    known = workflows or (WAITS, SLOW, ASKS)
    return open_engine(plugins=[], store=store, workflows=known, **options)


async def pending(store: MemoryStore, run_id: str = "r") -> list[str]:
    """Return the kinds of the requests that are pending for a run, whoever owns it."""
    stored = await store.get(run_id)
    assert stored is not None
    taken = [] if stored.owner is None else await store.take_requests(stored.owner)
    return [request.kind for request in taken]


class TestARunThatRunsElsewhere:
    async def test_gets_an_event_once_and_says_who_sent_it(self, autojump_clock: MockClock) -> None:
        store = MemoryStore()
        async with engine_on(store) as owner, engine_on(store) as other:
            run = owner.submit("waits", 1, run_id="r")
            await wait_all_tasks_blocked()
            await other.send_event("r", "go", {"n": 1}, by="ann")
            assert (await run.wait()).output == {"n": 1}
            recorded = await all_events(other, "r")

        check_events(recorded, WAITS)
        received = [e for e in recorded if isinstance(e, events.EventReceived)]
        assert [(e.data, e.by) for e in received] == [({"n": 1}, "ann")]
        assert await pending(store) == []

    async def test_is_canceled_and_says_who_canceled_it(self, autojump_clock: MockClock) -> None:
        store = MemoryStore()
        async with engine_on(store) as owner, engine_on(store) as other:
            run = owner.submit("slow", 1, run_id="r")
            await wait_all_tasks_blocked()
            await other.cancel_run("r", "enough", by="bob")
            result = await run.wait()
            recorded = await all_events(other, "r")

        assert (result.status, result.reason) == ("canceled", "enough")
        assert trio.current_time() < 1
        canceled = [e for e in recorded if isinstance(e, events.Canceled)]
        assert [(e.reason, e.by) for e in canceled] == [("enough", "bob")]

    async def test_is_drained(self, autojump_clock: MockClock) -> None:
        store, two = MemoryStore(), SLOW.then(slow.clone("again"))
        async with engine_on(store, two) as owner, engine_on(store, two) as other:
            run = owner.submit(two, 1, run_id="r")
            await wait_all_tasks_blocked()
            await other.drain_run("r", by="ann")
            result = await run.wait()

        assert (result.status, result.reason) == ("canceled", "drained")
        assert result.steps["slow"].status == "success"
        assert "again" not in result.steps
        assert trio.current_time() == 60

    async def test_is_drained_within_the_grace(self, autojump_clock: MockClock) -> None:
        store = MemoryStore()
        async with engine_on(store) as owner, engine_on(store) as other:
            run = owner.submit("slow", 1, run_id="r")
            await wait_all_tasks_blocked()
            with pytest.raises(ValueError, match="grace"):
                await other.drain_run("r", grace=-1)
            await other.drain_run("r", grace=5)
            assert (await run.wait()).steps["slow"].status == "canceled"

        assert trio.current_time() == 5

    async def test_refuses_an_answer_that_nothing_waits_for_and_runs_on(
        self, autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        store = MemoryStore()
        async with engine_on(store) as owner, engine_on(store) as other:
            run = owner.submit("slow", 1, run_id="r")
            await wait_all_tasks_blocked()
            await other.resume_run("r", "yes")
            assert (await run.wait()).status == "success"

        assert "has refused a request (resume)" in caplog.text
        assert await pending(store) == []

    async def test_cannot_be_told_by_the_methods_of_its_handle(
        self, autojump_clock: MockClock
    ) -> None:
        store = MemoryStore()
        async with engine_on(store) as owner, engine_on(store) as other:
            owner.submit("waits", 1, run_id="r")
            await wait_all_tasks_blocked()
            run = await other.load_run("r")
            with pytest.raises(RunClaimedError, match=r"engine.cancel_run\(\)"):
                run.cancel()
            with pytest.raises(RunClaimedError):
                run.send_event("go")
            await other.send_event("r", "go")

    async def test_does_what_was_asked_when_its_owner_died_before(
        self, autojump_clock: MockClock
    ) -> None:
        store = MemoryStore()
        async with engine_on(store) as owner:
            owner.submit("waits", 1, run_id="r")
            await wait_all_tasks_blocked()
            dead = await cut(store, "r", 2)
        await dead.post_request(
            Request(run_id="r", kind="event", payload='{"name": "go", "data": 7}', by="ann", at=0.0)
        )
        async with engine_on(dead) as engine:
            (run,) = await engine.recover()
            assert (await run.wait()).output == 7
            check_events(await all_events(engine, "r"), WAITS)


class TestARunThatNobodyDrives:
    async def suspended(self, store: MemoryStore) -> None:
        async with engine_on(store) as engine:
            await engine.submit("asks", 1, run_id="r").wait()

    async def test_is_continued_by_who_answers_it(self, autojump_clock: MockClock) -> None:
        store = MemoryStore()
        await self.suspended(store)
        async with engine_on(store) as engine:
            await engine.resume_run("r", "yes", by="ann")
            run = await engine.load_run("r")
            assert (await run.wait()).output == "asks:yes"
            recorded = await all_events(engine, "r")

        assert [e.by for e in recorded if isinstance(e, events.Resume)] == ["ann"]

    async def test_refuses_a_wrong_answer_to_who_gives_it(self, autojump_clock: MockClock) -> None:
        store = MemoryStore()
        await self.suspended(store)
        async with engine_on(store) as engine:
            with pytest.raises(NotSuspendedError):
                await engine.resume_run("r", "yes", step="other")
            with pytest.raises(NotSerializableError):
                await engine.resume_run("r", object())
            await engine.resume_run("r", "yes", step="asks")
            assert (await (await engine.load_run("r")).wait()).status == "success"

    async def test_waits_for_an_engine_that_knows_its_workflow(
        self, autojump_clock: MockClock
    ) -> None:
        store = MemoryStore()
        await self.suspended(store)
        async with engine_on(store, SLOW) as stranger:
            await stranger.resume_run("r", "yes", by="ann")
        assert (await store.get("r")).status == "suspended"  # type: ignore[union-attr]
        async with engine_on(store, recover=True) as engine:
            run = await engine.load_run("r")
            assert (await run.wait()).output == "asks:yes"

    async def test_keeps_an_event_and_waits_on(self, autojump_clock: MockClock) -> None:
        store = MemoryStore()
        await self.suspended(store)
        async with engine_on(store) as engine:
            await engine.send_event("r", "news", 1, by="ann")
            run = await engine.load_run("r")
            assert run.status == "suspended"
            assert [e.data for e in run.record.received.values()] == [1]
        stored = await store.get("r")
        assert stored is not None
        assert (stored.status, stored.owner) == ("suspended", None)

    async def test_is_canceled_at_once(self, autojump_clock: MockClock) -> None:
        store = MemoryStore()
        await self.suspended(store)
        async with engine_on(store, SLOW) as stranger:  # which does not know the workflow
            await stranger.cancel_run("r", "enough", by="ann")
            assert (await store.get("r")).status == "canceled"  # type: ignore[union-attr]
            with pytest.raises(RunFinishedError):
                await stranger.send_event("r", "go")
            with pytest.raises(RunFinishedError):
                await stranger.cancel_run("r")

    async def test_that_does_not_exist_is_unknown(self) -> None:
        async with engine_on(MemoryStore()) as engine:
            for ask in (engine.cancel_run, engine.resume_run, engine.drain_run):
                with pytest.raises(UnknownRunError):
                    await ask("nothing")
            with pytest.raises(UnknownRunError):
                await engine.send_event("nothing", "go")


class TestARunOfThisEngine:
    @pytest.fixture(params=[False, True])
    def store(self, request: pytest.FixtureRequest) -> MemoryStore | None:
        return MemoryStore() if request.param else None

    def engine(self, store: MemoryStore | None) -> Any:
        return open_engine(plugins=[], store=store, workflows=[WAITS, SLOW, ASKS])

    async def test_is_asked_by_the_same_calls(
        self, store: MemoryStore | None, autojump_clock: MockClock
    ) -> None:
        async with self.engine(store) as engine:
            waits, slow = engine.submit("waits", 1), engine.submit("slow", 1)
            asks = engine.submit("asks", 1)
            await wait_all_tasks_blocked()
            await engine.send_event(waits.run_id, "go", 5)
            assert (await waits.wait()).output == 5
            await engine.cancel_run(slow.run_id, "enough", by="ann")
            assert (await slow.wait()).reason == "enough"
            await engine.resume_run(asks.run_id, "yes")
            assert (await asks.wait()).output == "asks:yes"

    async def test_is_drained(self, store: MemoryStore | None, autojump_clock: MockClock) -> None:
        async with self.engine(store) as engine:
            run = engine.submit("slow", 1)
            await wait_all_tasks_blocked()
            await engine.drain_run(run.run_id)
            assert (await run.wait()).status == "success"
        assert trio.current_time() == 60

    async def test_that_waits_for_its_turn_is_canceled(
        self, store: MemoryStore | None, autojump_clock: MockClock
    ) -> None:
        async with self.engine(store) as engine:
            run = engine.submit("slow", 1)
            await engine.cancel_run(run.run_id, "enough")
            assert (await run.wait()).status == "canceled"
        assert trio.current_time() == 0


async def test_requests_are_taken_in_their_order(autojump_clock: MockClock) -> None:
    @step
    async def takes(value: Any, ctx: StepContext) -> list[Any]:
        return [await ctx.wait_for("n") for _ in range(20)]

    store, workflow = MemoryStore(), Workflow("takes", input=int).then(takes)
    async with engine_on(store, workflow) as owner, engine_on(store, workflow) as other:
        run = owner.submit(workflow, 1, run_id="r")
        await wait_all_tasks_blocked()
        for number in range(20):
            await other.send_event("r", "n", number)
        assert (await run.wait()).output == list(range(20))


class SlowStore(MemoryStore):
    """Needs a second for a call of one method, after or before its effect is visible."""

    def __init__(self, slow: str) -> None:
        super().__init__()
        self.slow = slow

    async def append(self, appends: Sequence[Append]) -> Sequence[JournalConflictError | None]:
        conflicts = await super().append(appends)
        await trio.sleep(self.slow == "append")
        return conflicts

    async def release(self, run_id: str, owner: str) -> None:
        await trio.sleep(self.slow == "release")
        await super().release(run_id, owner)


@pytest.mark.parametrize("slow", ["append", "release"])
class TestARunWhoseSuspensionIsBeingSaved:
    """Others see that it is suspended while its engine still has the claim."""

    async def test_takes_an_answer(self, slow: str, autojump_clock: MockClock) -> None:
        async with self.suspending(slow) as (store, run, other):
            await other.resume_run("r", "yes")
            await other.send_event("r", "later")
            assert (await run.wait()).status == "suspended"
            await trio.sleep(10)
            assert (await run.wait()).output == "asks:yes"
            assert await pending(store) == []

    async def test_is_canceled(self, slow: str, autojump_clock: MockClock) -> None:
        async with self.suspending(slow) as (_, run, other):
            await other.cancel_run("r", "enough")
            await trio.sleep(10)
            assert (await run.wait()).reason == "enough"

    @asynccontextmanager
    async def suspending(self, slow: str) -> AsyncIterator[tuple[MemoryStore, Any, Any]]:
        """Yield the store, the run, and another engine, which sees that the run is suspended."""
        store = SlowStore(slow)
        async with engine_on(store) as owner, engine_on(store, SLOW) as other:
            run = owner.submit("asks", 1, run_id="r")
            await self.wait_suspended(store)
            yield store, run, other

    async def wait_suspended(self, store: MemoryStore) -> None:
        while True:
            stored = await store.get("r")
            if stored is not None and stored.status == "suspended":
                assert stored.held_for > 0
                return
            await trio.sleep(0.1)


async def test_a_cancel_with_hooks_also_ends_a_run_that_is_answered_meanwhile(
    autojump_clock: MockClock,
) -> None:
    class SlowToRead(MemoryStore):
        is_slow = False

        async def claim(self, *args: Any) -> bool:
            self.is_slow = await super().claim(*args)
            return self.is_slow

        async def read(self, *args: Any) -> Sequence[Entry]:
            await trio.sleep(self.is_slow)
            return await super().read(*args)

    ended: list[str] = []
    hooked = Workflow("hooked", on_finish=lambda result: ended.append(result.status))
    hooked = hooked.then(Calls().asks()).then(slow)
    store = SlowToRead()
    async with engine_on(store, hooked) as engine, engine_on(store, SLOW) as other:
        run = engine.submit("hooked", 1, run_id="r")
        await run.wait()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.cancel_run, "r", "enough")
            await trio.sleep(0.5)  # the run is claimed, and what is new in it is being read
            await other.resume_run("r", "yes")
        assert (await run.wait()).status == "canceled"
    assert ended == ["canceled"]
    assert trio.current_time() < 50


class TestAnAnswer:
    async def test_that_was_sent_first_is_taken_first(self, autojump_clock: MockClock) -> None:
        store = MemoryStore()
        async with engine_on(store) as engine:
            for name in ("a", "b"):
                await engine.submit("asks", 1, run_id=name).wait()
        async with engine_on(store, SLOW) as stranger:
            for name in ("a", "b"):
                await stranger.resume_run(name, "first")
        async with engine_on(store) as engine:
            with pytest.raises(NotResumableError, match="an answer that was sent earlier"):
                await engine.resume_run("a", "second")
            run: Any = await engine.load_run("b")
            with pytest.raises(NotResumableError, match="an answer that was sent earlier"):
                await run.resume("second")
            for name in ("a", "b"):
                run = await engine.load_run(name)
                assert (await run.wait()).output == "asks:first"

    async def test_whose_requests_cannot_be_read_leaves_the_run_free(
        self, autojump_clock: MockClock
    ) -> None:
        class Broken(MemoryStore):
            async def take_requests(self, *args: Any, **kwargs: Any) -> Any:
                if kwargs.get("run_ids") is not None:
                    raise StoreError("broken", "away")
                return await super().take_requests(*args, **kwargs)

        store = Broken()
        async with engine_on(store) as engine:
            run = engine.submit("asks", 1, run_id="r")
            await run.wait()
            with pytest.raises(StoreError, match="away"):
                await run.resume("yes")
            stored = await store.get("r")
            assert stored is not None
            assert stored.owner is None


async def test_a_full_inbox_refuses_and_the_run_does_not_notice(autojump_clock: MockClock) -> None:
    store = MemoryStore()
    async with engine_on(store) as engine:
        await engine.submit("asks", 1, run_id="r").wait()
    for _ in range(MAX_REQUESTS):
        await store.post_request(
            Request(run_id="r", kind="event", payload=json.dumps({"name": "x", "data": 1}), at=0.0)
        )
    async with engine_on(store, SLOW) as stranger:
        with pytest.raises(Exception, match="already pending"):
            await stranger.send_event("r", "x")
    async with engine_on(store) as engine:
        await engine.recover()  # takes what is there
        run: Any = await engine.load_run("r")
        assert len(run.record.received) == MAX_REQUESTS
        await engine.resume_run("r", "yes")
        assert (await run.wait()).status == "success"


async def test_a_damaged_request_is_logged_and_dropped(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    store = MemoryStore()
    async with engine_on(store) as engine:
        run = engine.submit("waits", 1, run_id="r")
        await wait_all_tasks_blocked()
        for payload in ("{", "{}", "null", '{"name": 3}'):
            await store.post_request(Request(run_id="r", kind="event", payload=payload, at=0.0))
        await engine.send_event("r", "go", 1)
        assert (await run.wait()).output == 1
    assert caplog.text.count("has refused a request (event)") == 4
