"""One execution of a run in an engine, whatever is called beside what; and patient recovery."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.suspending import all_events
from trioflow import Engine, Run, StepContext, Workflow, events, open_engine, step
from trioflow.abc import StoredRun
from trioflow.errors import NotResumableError, RunClaimedError, StoreError
from trioflow.stores import MemoryStore
from trioflow.testing import check_events


class Bodies:
    """Counts how often the body of a workflow ran."""

    def __init__(self, asks: bool = False) -> None:
        self.count = 0

        @step
        async def body(value: int, ctx: StepContext[Any]) -> int:
            if asks and ctx.resume_data is None:
                ctx.suspend()
            self.count += 1
            await trio.sleep(10)
            return value

        self.workflow = Workflow("w", input=int, output=int).then(body)

    def engine(self, store: MemoryStore, **options: Any) -> Any:
        return open_engine(plugins=[], store=store, workflows=[self.workflow], **options)


async def recover(engine: Engine) -> None:
    await engine.recover()


async def restart(engine: Engine) -> None:
    await (await engine.load_run("r")).recover()


async def resume(engine: Engine) -> None:
    await (await engine.load_run("r")).resume(True)


async def resume_by_id(engine: Engine) -> None:
    await engine.resume_run("r", True)


async def load(engine: Engine) -> None:
    run: Run[Any, Any] = await engine.load_run("r")
    assert (await engine.load_run("r")) is run


@pytest.mark.parametrize(
    ("asks", "ways"),
    [(False, (recover, restart, load)), (True, (recover, resume, resume_by_id, load))],
)
async def test_many_tasks_that_continue_a_run_run_its_body_once(
    asks: bool, ways: Any, autojump_clock: MockClock
) -> None:
    for _ in range(10):  # Trio takes turns at random
        bodies, store = Bodies(asks), MemoryStore()
        async with bodies.engine(store) as engine:
            engine.submit("w", 1, run_id="r")
            await trio.sleep(1)
        bodies.count = 0
        async with bodies.engine(store) as engine:

            async def do(way: Any, engine: Engine = engine) -> None:
                with suppress(NotResumableError, RunClaimedError):  # another was first
                    await way(engine)

            with trio.fail_after(1000):
                async with trio.open_nursery() as nursery:
                    for way in ways * 4:
                        nursery.start_soon(do, way)
            assert (await engine.get_run("r").wait()).status == "success"
            check_events(await all_events(engine, "r"), bodies.workflow)
        assert bodies.count == 1


class Fails(MemoryStore):
    """A store that fails so many times when runs are looked for, and when they are claimed."""

    listing = claiming = 0

    async def list_claimable(self, **options: Any) -> Sequence[StoredRun]:
        self.listing = self._fail(self.listing)
        return await super().list_claimable(**options)

    async def claim(self, run_id: str, owner: str, seconds: float) -> bool:
        self.claiming = self._fail(self.claiming)
        return await super().claim(run_id, owner, seconds)

    def _fail(self, times: int) -> int:
        if times > 0:
            self.listing = self.claiming = times - 1
            raise StoreError("away", "database is locked", transient=True)
        return 0


async def interrupted(bodies: Bodies) -> Fails:
    store = Fails()
    async with bodies.engine(store) as engine:
        engine.submit("w", 1, run_id="r")
        await trio.sleep(1)
    return store


@pytest.mark.parametrize("failing", ["listing", "claiming"])
async def test_recovery_tries_again_what_may_succeed_later(
    failing: str, autojump_clock: MockClock
) -> None:
    bodies = Bodies()
    store = await interrupted(bodies)
    setattr(store, failing, 3)
    async with bodies.engine(store) as engine:
        with trio.fail_after(100):
            (run,) = await engine.recover()
        assert (await run.wait()).status == "success"


async def test_recovery_is_as_patient_as_writers_are(autojump_clock: MockClock) -> None:
    bodies = Bodies()
    store = await interrupted(bodies)
    async with bodies.engine(store, store_patience=5.0) as engine:
        store.listing = 10**6
        began = trio.current_time()
        with pytest.raises(StoreError, match="locked"):
            await engine.recover()
        assert 5 < trio.current_time() - began < 7
        store.listing = store.claiming = 0


async def test_a_drained_run_is_recovered_without_a_crash(autojump_clock: MockClock) -> None:
    bodies = Bodies()
    store = MemoryStore()
    async with bodies.engine(store) as engine:
        engine.submit("w", 1, run_id="r")
        await trio.sleep(1)
        await engine.drain(grace=2)
    async with bodies.engine(store, recover=True) as engine:
        await (await engine.load_run("r")).wait()
        recorded = await all_events(engine, "r")
    assert [e.crashed for e in recorded if isinstance(e, events.Recover)] == [False]


class ClaimsSlowly(MemoryStore):
    """A store that takes its time for claims."""

    async def claim(self, run_id: str, owner: str, seconds: float) -> bool:
        await trio.sleep(1)
        return await super().claim(run_id, owner, seconds)


async def test_a_run_that_is_answered_while_it_is_sent_an_event_runs_once(
    autojump_clock: MockClock,
) -> None:
    bodies, store = Bodies(asks=True), ClaimsSlowly()
    async with bodies.engine(store) as engine:
        await engine.submit("w", 1, run_id="r").wait()
        run = await engine.load_run("r")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(resume, engine)
            await trio.sleep(0.5)
            await engine.send_event("r", "noise", 1)
        assert (await run.wait()).status == "success"
        recorded = await all_events(engine, "r")
    check_events(recorded, bodies.workflow)
    assert bodies.count == 1
    assert [e.data for e in recorded if isinstance(e, events.EventReceived)] == [1]
