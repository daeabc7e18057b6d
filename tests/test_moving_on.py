"""Runs that move on, and claims that end, while this process looks elsewhere or is stopped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.suspending import all_events
from trioflow import Retry, StepContext, Workflow, events, open_engine, step
from trioflow._engine.life.ending import halt
from trioflow.abc import Append, Request, StoredRun
from trioflow.errors import JournalConflictError, StoreError
from trioflow.stores import MemoryStore

CLAIM = 10.0


def engine_on(store: MemoryStore, *workflows: Workflow[Any, Any], **options: Any) -> Any:
    options = {"claim_seconds": CLAIM, **options}
    return open_engine(plugins=[], store=store, workflows=workflows, **options)


class Moves(MemoryStore):
    """A store in which a run has moved on by the time at which it was found."""

    async def get(self, run_id: str) -> StoredRun | None:
        found = await super().get(run_id)
        await trio.sleep(2.5)
        return found


async def test_what_is_written_while_a_run_is_loaded_is_taken_over_once(
    autojump_clock: MockClock,
) -> None:
    @step
    async def tick(value: int) -> int:
        await trio.sleep(1)
        return value + 1

    workflow = Workflow("w", input=int, output=int).dowhile(tick, lambda value: value < 30)
    store = Moves()
    async with engine_on(store, workflow) as owner, engine_on(store, workflow) as other:
        owner.submit(workflow, 0, run_id="r")
        await trio.sleep(1.5)
        run = other.submit(workflow, 0, run_id="r", if_exists="attach")
        assert (await run.wait()).output == 30


@attrs.define
class Begun:
    """When the bodies of a step began."""

    at: list[float] = attrs.field(factory=list)

    def step(self, fails: int = 0, **options: Any) -> Any:
        @step(id="body", **options)
        async def body(value: int, ctx: StepContext[Any]) -> int:
            self.at.append(trio.current_time())
            if ctx.attempt <= fails:
                raise OSError
            return value

        return body


def behind_a_sleep(begun: Begun) -> Workflow[Any, Any]:
    return Workflow("w", input=int).sleep(CLAIM / 2).then(begun.step())


def behind_a_pause(begun: Begun) -> Workflow[Any, Any]:
    retries = Retry(attempts=2, delay=CLAIM / 2)
    return Workflow("w", input=int).then(begun.step(fails=1, retry=retries))


class TakenOver(MemoryStore):
    """A store in which others are quicker than a process that was stopped."""

    async def append(self, appends: Sequence[Append]) -> Sequence[JournalConflictError | None]:
        await self.claim("r", "other", 1000.0)
        return await super().append(appends)

    async def renew(self, owner: str, seconds: float) -> set[str]:
        await self.claim("r", "other", 1000.0)
        return await super().renew(owner, seconds)


@pytest.mark.parametrize("durability", ["step", "async", "exit"])
@pytest.mark.parametrize("flow", [behind_a_sleep, behind_a_pause])
async def test_a_process_that_was_stopped_for_longer_than_its_claim_begins_no_body(
    flow: Any, durability: str, mock_clock: MockClock
) -> None:
    for _ in range(10):  # all tasks wake at once then, in any order
        begun = Begun()
        workflow, store = flow(begun), TakenOver()
        async with engine_on(store, workflow, durability=durability) as engine:
            run = engine.submit(workflow, 0, run_id="r")
            await wait_all_tasks_blocked()
            before = list(begun.at)
            mock_clock.jump(3 * CLAIM)
            await wait_all_tasks_blocked()
            assert begun.at == before
            assert run.status != "success"


async def test_no_other_attempt_begins_while_an_engine_drains(autojump_clock: MockClock) -> None:
    @step
    async def slow(value: int) -> int:
        await trio.sleep(10)
        return value

    begun = Begun()
    fails = begun.step(fails=1, retry=Retry(attempts=2, delay=2))
    workflow, store = Workflow("w", input=int).parallel(slow, fails), MemoryStore()
    async with engine_on(store, workflow) as engine:
        engine.submit(workflow, 0, run_id="r")
        await trio.sleep(1)
        await engine.drain(grace=20)
    assert trio.current_time() == 10
    assert begun.at == [0]


async def test_a_run_that_was_halted_here_is_canceled_for_all(autojump_clock: MockClock) -> None:
    @step
    async def endless(value: int) -> None:
        await trio.sleep_forever()

    workflow, store = Workflow("w", input=int).then(endless), MemoryStore()
    async with engine_on(store, workflow) as engine:
        run = engine.submit(workflow, 0, run_id="r")
        await trio.sleep(1)
        halt(run._life)
        await trio.sleep(1)
        await engine.cancel_run("r", "enough")
        assert (await (await engine.load_run("r")).wait()).status == "canceled"


class CannotBeRead(MemoryStore):
    """A store that fails at the first time at which the requests for a run are read."""

    has_failed = False

    async def take_requests(self, owner: str, **options: Any) -> Sequence[Request]:
        if options.get("run_ids") and not self.has_failed:
            self.has_failed = True
            raise StoreError("away", "no thread", transient=True)
        return await super().take_requests(owner, **options)


async def test_what_was_asked_before_is_done_though_it_cannot_be_read_at_first(
    autojump_clock: MockClock,
) -> None:
    @step
    async def endless(value: int) -> None:
        await trio.sleep_forever()

    workflow, store = Workflow("w", input=int).then(endless), CannotBeRead()
    async with engine_on(store, workflow) as engine:
        engine.submit(workflow, 0, run_id="r")
        await trio.sleep(1)
    store.has_failed = False
    await store.post_request(Request(run_id="r", kind="cancel", payload='{"reason":null}', at=0.0))
    async with engine_on(store, workflow) as engine:
        (run,) = await engine.recover()
        with trio.fail_after(100):
            assert (await run.wait()).status == "canceled"
        assert store.has_failed


class Repeats(MemoryStore):
    """A store whose answer about requests may be older than their removal."""

    old: Sequence[Request] = ()

    async def take_requests(self, owner: str, **options: Any) -> Sequence[Request]:
        found = await super().take_requests(owner, **options)
        again = [request for request in self.old if request.id > options.get("after", 0)]
        self.old = found or self.old
        return [*again, *found]


async def test_a_request_that_was_read_before_it_was_removed_is_not_done_again(
    autojump_clock: MockClock,
) -> None:
    @step
    async def got(value: Any, ctx: StepContext[Any]) -> Any:
        return ctx.resume_data

    workflow, store = Workflow("w", input=int).wait_for_event("go", got), Repeats()
    async with engine_on(store, workflow) as owner, engine_on(store, workflow) as other:
        run = owner.submit(workflow, 0, run_id="r")
        await trio.sleep(1)
        for name in ("noise", "more", "go"):
            await other.send_event("r", name, name)
            await trio.sleep(1)
        assert (await run.wait()).output == "go"
        recorded = await all_events(other, "r")
    received = [e.data for e in recorded if isinstance(e, events.EventReceived)]
    assert received == ["noise", "more", "go"]


class WritesLate(MemoryStore):
    """A store that takes its time for what is written without a claim."""

    async def append(self, appends: Sequence[Append]) -> Sequence[JournalConflictError | None]:
        if any(append.owner is None for append in appends):
            await trio.sleep(1)
        return await super().append(appends)


async def test_an_event_that_comes_too_late_does_not_spoil_a_run_that_is_canceled(
    autojump_clock: MockClock,
) -> None:
    @step
    async def asks(value: Any, ctx: StepContext[Any]) -> None:
        ctx.suspend()

    workflow, store = Workflow("w", input=int).then(asks), WritesLate()
    async with engine_on(store, workflow) as engine:
        await engine.submit(workflow, 0, run_id="r").wait()
    async with engine_on(store, workflow) as engine:
        run = await engine.load_run("r")
        run.send_event("noise", 1)
        await engine.cancel_run("r", "enough")
        await trio.sleep(2)
        loaded = await engine.load_run("r")
        assert loaded is not run
        assert (await loaded.wait()).status == "canceled"
        with pytest.raises(JournalConflictError):
            await run.wait()


class Impostor(MemoryStore):
    """A store in which another has written as many entries with the same numbers and owner."""

    is_robbed = False

    async def append(self, appends: Sequence[Append]) -> Sequence[JournalConflictError | None]:
        if appends[0].header is None and not self.is_robbed:
            self.is_robbed = True
            entries = tuple(attrs.evolve(e, at=e.at + 0.5) for e in appends[0].entries)
            assert await super().append([attrs.evolve(appends[0], entries=entries)]) == [None]
            raise StoreError("away", "connection lost", transient=True)
        return await super().append(appends)


async def test_entries_of_another_with_the_same_numbers_are_not_taken_for_own(
    autojump_clock: MockClock,
) -> None:
    begun = Begun()
    workflow, store = Workflow("w", input=int).sleep(1).then(begun.step()), Impostor()
    async with engine_on(store, workflow) as engine:
        run = engine.submit(workflow, 0, run_id="r")
        with trio.fail_after(100), pytest.raises(JournalConflictError):
            await run.wait()
    assert store.is_robbed
    assert begun.at == []
