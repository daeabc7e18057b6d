"""Recovery: what counts as a crash, how often, and what happens while the store is away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.suspending import all_events
from trioflow import Retry, StepContext, Workflow, events, open_engine, step
from trioflow.abc import Append
from trioflow.errors import CrashLoopError, JournalConflictError, StoreError
from trioflow.stores import MemoryStore
from trioflow.testing import check_events

CLAIM = 10.0


def engine_on(store: MemoryStore, *workflows: Workflow[Any, Any], **options: Any) -> Any:
    options = {"claim_seconds": CLAIM, **options}
    return open_engine(plugins=[], store=store, workflows=workflows, **options)


async def die(store: MemoryStore, run_id: str, count: int) -> MemoryStore:
    """Return what the store holds if the process died behind the first entries of a run."""
    stored = await store.get(run_id)
    assert stored is not None
    entries = tuple(await store.read(run_id, limit=10**6))[:count]
    left = MemoryStore()
    append = Append(
        run_id=run_id,
        entries=entries,
        after=-1,
        status="running",
        header=stored.header,
        owner="dead",
        claim_seconds=0.0,
    )
    assert await left.append([append]) == [None]
    return left


@attrs.define
class Seen:
    attempts: list[int] = attrs.field(factory=list)

    def step(self, **options: Any) -> Any:
        @step(id="body", **options)
        async def body(value: int, ctx: StepContext) -> int:
            self.attempts.append(ctx.attempt)
            await trio.sleep(1)
            return value

        return body


async def crashes(workflow: Workflow[Any, Any], times: int, seen: list[int]) -> MemoryStore:
    """Run a workflow in processes that die while its body runs; return what is left."""
    store = MemoryStore()
    async with engine_on(store, workflow) as engine:
        run = engine.submit(workflow, 1, run_id="r")
        await wait_all_tasks_blocked()
        store = await die(store, "r", run.record.next_seq)
    for _ in range(times - 1):
        async with engine_on(store, workflow) as engine:
            (run,) = await engine.recover()
            await wait_all_tasks_blocked()
            store = await die(store, "r", run.record.next_seq)
    return store


class TestACrash:
    async def test_counts_as_an_attempt_but_uses_up_none(self, autojump_clock: MockClock) -> None:
        seen = Seen()
        workflow = Workflow("w", input=int).then(seen.step(retry=Retry(attempts=1)))
        store = await crashes(workflow, 2, seen.attempts)
        async with engine_on(store, workflow) as engine:
            (run,) = await engine.recover()
            result = await run.wait()
            recorded = await all_events(engine, "r")

        assert result.status == "success"
        assert seen.attempts == [1, 2, 3]
        assert (result.steps["body"].attempts, result.steps["body"].lost) == (3, 2)
        assert [e.crashed for e in recorded if isinstance(e, events.Recover)] == [True, True]
        check_events(recorded, workflow)

    async def test_leaves_all_attempts_to_a_body_that_fails_then(
        self, autojump_clock: MockClock
    ) -> None:
        seen: list[int] = []

        @step(retry=Retry(attempts=2, delay=1))
        async def flaky(value: int, ctx: StepContext) -> int:
            seen.append(ctx.attempt)
            await trio.sleep(1)
            raise OSError(ctx.attempt)

        workflow = Workflow("w", input=int).then(flaky)
        store = await crashes(workflow, 1, seen)
        async with engine_on(store, workflow) as engine:
            (run,) = await engine.recover()
            result = await run.wait()
            check_events(await all_events(engine, "r"), workflow)

        assert seen == [1, 2, 3]
        assert result.status == "failed"

    async def test_of_a_body_whose_start_was_not_on_disk_counts_too(
        self, autojump_clock: MockClock
    ) -> None:
        seen = Seen()
        workflow = Workflow("w", input=int).then(seen.step())
        store = await crashes(workflow, 1, seen.attempts)
        for _ in range(2):
            store = await die(store, "r", 1)  # only its start was written
            async with engine_on(store, workflow) as engine:
                (run,) = await engine.recover()
                await wait_all_tasks_blocked()
        async with engine_on(await die(store, "r", 2), workflow) as engine:
            (run,) = await engine.recover()
            assert (await run.wait()).status == "success"

        assert seen.attempts[-1] == 3

    async def test_does_not_count_for_a_run_that_sleeps_or_waits(
        self, autojump_clock: MockClock
    ) -> None:
        @step
        async def parks(value: int, ctx: StepContext) -> Any:
            return await ctx.wait_for("go")

        @step
        async def got(value: int, ctx: StepContext) -> Any:
            return ctx.resume_data

        for workflow in (
            Workflow("sleeps", input=int).sleep(3600),
            Workflow("waits", input=int).wait_for_event("go", got),
            Workflow("parks", input=int).then(parks),
        ):
            store = await crashes(workflow, 6, [])
            async with engine_on(store, workflow, max_recoveries=0) as engine:
                (run,) = await engine.recover()
                if workflow.id != "sleeps":
                    run.send_event("go", 1)
                assert (await run.wait()).status == "success"
                assert run.record.crashes == 0

    async def test_in_a_row_too_often_ends_the_run_as_failed(
        self, autojump_clock: MockClock
    ) -> None:
        seen = Seen()
        workflow = Workflow("w", input=int).then(seen.step())
        store = await crashes(workflow, 4, seen.attempts)
        async with engine_on(store, workflow) as engine:
            assert await engine.recover() == ()
            run = await engine.load_run("r")
            assert run.status == "failed"
            recorded = await all_events(engine, "r")
        check_events(recorded, workflow)
        assert seen.attempts == [1, 2, 3, 4]
        assert "its process died 4 times in a row" in str(recorded[-1].error)  # type: ignore[attr-defined]
        assert str(CrashLoopError("r", 4)) in str(recorded[-1].error)  # type: ignore[attr-defined]

    async def test_behind_a_new_outcome_is_the_first_again(self, autojump_clock: MockClock) -> None:
        seen = Seen()
        workflow = Workflow("w", input=int).dountil(seen.step(), lambda value: False)
        store = await crashes(workflow, 3, seen.attempts)
        async with engine_on(store, workflow) as engine:
            (run,) = await engine.recover()
            await trio.sleep(2.5)  # two iterations have ended
            store = await die(store, "r", run.record.next_seq)
        async with engine_on(store, workflow) as engine:
            (run,) = await engine.recover()
            assert run.record.crashes == 1

    async def test_is_not_what_closing_an_engine_does(self, autojump_clock: MockClock) -> None:
        seen, store = Seen(), MemoryStore()
        workflow = Workflow("w", input=int).then(seen.step())
        async with engine_on(store, workflow) as engine:
            engine.submit(workflow, 1, run_id="r")
            await wait_all_tasks_blocked()
        for _ in range(6):
            async with engine_on(store, workflow, max_recoveries=0) as engine:
                await engine.recover()
                await wait_all_tasks_blocked()
        async with engine_on(store, workflow) as engine:
            (run,) = await engine.recover()
            assert (await run.wait()).status == "success"
        assert set(seen.attempts) == {1}


async def test_a_run_that_crashes_again_and_again_is_recovered_alone(
    autojump_clock: MockClock,
) -> None:
    running: set[str] = set()
    beside: list[set[str]] = []

    def body(id: str) -> Any:
        @step(id=id)
        async def runs(value: int) -> int:
            running.add(id)
            if id == "suspect":
                beside.append(running - {id})
            await trio.sleep(1)
            running.discard(id)
            return value

        return runs

    suspect = Workflow("suspect", input=int).then(body("suspect"))
    other = Workflow("other", input=int).dountil(
        body("other"), lambda value: trio.current_time() > 9
    )
    store = await crashes(suspect, 3, [])
    beside.clear()
    running.clear()
    async with engine_on(store, suspect, other) as engine:
        bystanders = [engine.submit("other", 1) for _ in range(3)]
        await wait_all_tasks_blocked()
        (run,) = await engine.recover()
        late = engine.submit("other", 1)
        assert (await run.wait()).status == "success"
        for bystander in (*bystanders, late):
            assert (await bystander.wait()).status == "success"

    assert beside == [set()]


class TestPauses:
    async def test_the_rest_of_a_pause_between_attempts_is_waited_for(
        self, autojump_clock: MockClock
    ) -> None:
        began: list[float] = []

        @step(retry=Retry(attempts=2, delay=100))
        async def flaky(value: int, ctx: StepContext) -> int:
            began.append(trio.current_time())
            if ctx.attempt == 1:
                raise OSError
            return value

        workflow, store = Workflow("w", input=int).then(flaky), MemoryStore()
        async with engine_on(store, workflow) as engine:
            run = engine.submit(workflow, 1, run_id="r")
            await trio.sleep(30)
            store = await die(store, "r", run.record.next_seq)
        async with engine_on(store, workflow) as engine:
            (run,) = await engine.recover()
            result = await run.wait()
            check_events(await all_events(engine, "r"), workflow)

        assert began == [0, pytest.approx(100)]
        assert result.steps["flaky"].attempts == 2


@attrs.define(eq=False)
class Away(MemoryStore):
    """A store that cannot be reached for a while."""

    until: float = 0.0
    renewals: bool = True
    """Whether claims cannot be renewed then either."""

    def __attrs_pre_init__(self) -> None:
        MemoryStore.__init__(self)

    async def append(self, appends: Sequence[Append]) -> Sequence[JournalConflictError | None]:
        await self.check()
        return await super().append(appends)

    async def renew(self, owner: str, seconds: float) -> set[str]:
        if self.renewals:
            await self.check()
        return await super().renew(owner, seconds)

    async def check(self) -> None:
        if trio.current_time() < self.until:
            await trio.lowlevel.checkpoint()
            raise StoreError("away", "connection refused", transient=True)


class TestAStoreThatIsAway:
    async def ticks(self, store: Away, seconds: float, **options: Any) -> tuple[list[int], Any]:
        made: list[int] = []

        @step
        async def tick(value: int) -> int:
            made.append(value)
            await trio.sleep(1)
            return value + 1

        workflow = Workflow("w", input=int, output=int).dowhile(tick, lambda value: value < 5)
        async with engine_on(store, workflow, **options) as engine:
            engine.submit(workflow, 0, run_id="r")
            await trio.sleep(1.5)
            store.until = trio.current_time() + seconds
            await trio.sleep(seconds + 60)
            return made, await store.get("r")

    async def test_is_waited_for_while_the_claim_holds(self, autojump_clock: MockClock) -> None:
        made, stored = await self.ticks(Away(renewals=False), 40)

        assert stored.status == "success"
        assert made == [0, 1, 2, 3, 4]

    async def test_interrupts_runs_before_their_claim_ends_and_recovers_them(
        self, autojump_clock: MockClock
    ) -> None:
        made, stored = await self.ticks(Away(), 40)

        assert stored.status == "success"
        assert made == [0, 1, 1, 2, 3, 4]  # what was not on disk runs again

    async def test_for_longer_than_its_patience_interrupts_runs_and_recovers_them(
        self, autojump_clock: MockClock
    ) -> None:
        made, stored = await self.ticks(Away(renewals=False), 40, store_patience=5.0)

        assert stored.status == "success"
        assert made == [0, 1, 1, 2, 3, 4]

    async def test_stops_bodies_in_time(self, autojump_clock: MockClock) -> None:
        ended: list[float] = []

        @step
        async def endless(value: int) -> None:
            try:
                await trio.sleep_forever()
            finally:
                ended.append(trio.current_time())

        store, workflow = Away(), Workflow("w", input=int).then(endless)
        async with engine_on(store, workflow) as engine:
            engine.submit(workflow, 0, run_id="r")
            await trio.sleep(0.5)
            store.until = 1000.0
            await trio.sleep(30)
            stored = await store.get("r")
        assert stored is not None
        assert len(ended) == 1
        assert ended[0] < CLAIM


async def test_an_engine_that_recovers_keeps_looking(autojump_clock: MockClock) -> None:
    seen, store = Seen(), MemoryStore()
    workflow = Workflow("w", input=int).then(seen.step())
    async with engine_on(store, workflow) as engine:
        engine.submit(workflow, 1, run_id="r")
        await wait_all_tasks_blocked()
        async with engine_on(store, workflow, recover=True):
            await trio.sleep(0.5)
            assert seen.attempts == [1]  # it is driven by the other engine
            await engine.drain(grace=0)
            await trio.sleep(5)
        stored = await store.get("r")
    assert stored is not None
    assert stored.status == "success"


class TestDrainingAnEngine:
    async def test_lets_bodies_end_and_halts_the_rest(self, autojump_clock: MockClock) -> None:
        seen, store = Seen(), MemoryStore()
        workflow = Workflow("w", input=int).then(seen.step()).then(seen.step().clone("second"))
        async with engine_on(store, workflow) as engine:
            engine.submit(workflow, 1, run_id="r")
            await trio.sleep(0.5)
            await engine.drain()
            assert trio.current_time() == 1
        stored = await store.get("r")
        assert stored is not None
        assert (stored.status, stored.owner) == ("running", None)
        async with engine_on(store, workflow) as engine:
            (run,) = await engine.recover()
            assert (await run.wait()).status == "success"
        assert seen.attempts == [1, 1]

    async def test_does_not_wait_longer_than_the_grace(self, autojump_clock: MockClock) -> None:
        @step
        async def endless(value: int) -> None:
            await trio.sleep_forever()

        workflow = Workflow("w", input=int).then(endless)
        async with engine_on(MemoryStore(), workflow) as engine:
            run = engine.submit(workflow, 1)
            await wait_all_tasks_blocked()
            with pytest.raises(ValueError, match="grace"):
                await engine.drain(grace=-1)
            await engine.drain(grace=3)
            await run.wait()
        assert trio.current_time() == 3
