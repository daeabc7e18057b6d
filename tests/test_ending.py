"""Halting runs so that they can be recovered, recovering them, and ending stored runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio
import trio.testing

from trioflow import Engine, StepContext, Workflow, events, open_engine, step
from trioflow._engine.life.ending import halt
from trioflow.errors import NotResumableError, RunFinishedError, UnknownRunError
from trioflow.stores import MemoryStore
from trioflow.testing import check_events


@step
async def sleeps(value: Any) -> Any:
    await trio.sleep(60)
    return value


@step
async def asks(value: Any, ctx: StepContext[Any]) -> Any:
    if ctx.resume_data is None:
        ctx.suspend("why?")
    return ctx.resume_data


slow = Workflow("slow").then(sleeps)
asking = Workflow("asking").then(asks)


async def journal(engine: Engine, run_id: str) -> list[events.Event]:
    async with engine.observe(run_id) as stream:
        return [event async for event in stream]


async def interrupt(store: MemoryStore, run_id: str) -> None:
    """Leave a run behind that has been stopped after a second."""
    async with open_engine(store=store) as engine:
        run = engine.create_run(slow, run_id=run_id)
        async with run.stream(1) as stream:
            await trio.sleep(1)
            halt(run._life)
            assert (await stream.get_workflow_state()).status == "canceled"


async def suspend(store: MemoryStore, run_id: str) -> None:
    async with open_engine(store=store) as engine:
        await engine.create_run(asking, run_id=run_id).start(1)


async def test_a_run_that_was_halted_goes_on_as_if_its_process_had_died(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    await interrupt(store, "r")

    async with open_engine(store=store, workflows=[slow]) as engine:
        run = await engine.load_run("r")
        assert run.status == "running"
        last = run.record.next_seq - 1
        async with run.observe(last) as stream, trio.open_nursery() as nursery:
            nursery.start_soon(run.recover)
            seen = [event async for event in stream]
        recorded = await journal(engine, "r")

    assert isinstance(seen[0], events.Recover)
    assert isinstance(seen[-1], events.Finish)
    assert seen[-1].status == "success"
    assert recorded[-len(seen) :] == seen
    check_events(recorded, slow)


async def test_halting_a_run_without_a_store_cancels_it(
    autojump_clock: trio.testing.MockClock,
) -> None:
    run = slow.create_run()
    halt(run._life)  # does nothing yet
    async with run.stream(1) as stream:
        await trio.sleep(1)
        halt(run._life)
        halt(run._life)
        result = await stream.get_workflow_state()
    halt(run._life)

    assert result.status == run.status == "canceled"


async def test_halting_is_no_end_of_which_hooks_hear(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store, heard = MemoryStore(), []
    inner = Workflow("inner", on_finish=lambda result: heard.append(f"inner {result.status}"))
    workflow = Workflow(
        "w",
        on_finish=lambda result: heard.append(result.status),
        on_error=lambda result: heard.append("error"),
    ).then(inner.then(sleeps))

    async with open_engine(store=store, workflows=[workflow]) as engine:
        engine.submit(workflow, 1, run_id="r")
        await trio.sleep(1)
    assert heard == []

    async with open_engine(store=store, workflows=[workflow]) as engine:
        await engine.recover()
        await engine.get_run("r").wait()
    assert heard == ["inner success", "success"]


async def test_halting_leaves_a_run_that_waits_as_it_is() -> None:
    store = MemoryStore()
    async with open_engine(store=store) as engine:
        run = engine.create_run(asking)
        await run.start(1)
        halt(run._life)
        result = await run.resume("yes")

    assert result.output == "yes"


async def test_only_an_interrupted_run_can_be_recovered() -> None:
    store = MemoryStore()
    await suspend(store, "r")
    async with open_engine(store=store, workflows=[asking]) as engine:
        run = await engine.load_run("r")
        with pytest.raises(NotResumableError, match="only a run whose process has died"):
            await run.recover()


async def test_a_run_that_ended_before_it_could_be_recovered_is_free_for_others(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    await interrupt(store, "r")
    async with open_engine(store=store, workflows=[slow]) as engine:
        run = await engine.load_run("r")
        async with open_engine(store=store) as other:
            await other.cancel_run("r")
        assert (await run.recover()).status == "canceled"

        stored = await store.get("r")
        assert stored is not None
        assert stored.owner is None
        assert (await run.recover()).status == "canceled"


# ---------------------------------------------------------------- ending
async def test_a_stored_run_that_waits_can_be_canceled_without_its_workflow() -> None:
    store = MemoryStore()
    await suspend(store, "r")

    async with open_engine(store=store) as engine:
        await engine.cancel_run("r", "not needed")
        recorded = await journal(engine, "r")

    check_events(recorded, asking)
    assert isinstance(recorded[-2], events.Canceled)
    assert recorded[-2].reason == "not needed"
    stored = await store.get("r")
    assert stored is not None
    assert (stored.status, stored.owner) == ("canceled", None)


async def test_a_stored_run_whose_process_has_died_can_be_canceled(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    await interrupt(store, "r")

    async with open_engine(store=store, workflows=[slow]) as engine:
        await engine.cancel_run("r")
        recorded = await journal(engine, "r")
        assert await engine.recover() == ()
        assert (await engine.load_run("r")).status == "canceled"

    check_events(recorded, slow)


async def test_a_run_that_runs_elsewhere_is_canceled_there(
    autojump_clock: trio.testing.MockClock,
) -> None:
    store = MemoryStore()
    async with open_engine(store=store) as engine, open_engine(store=store) as other:
        run = engine.submit(slow, 1, run_id="r")
        await trio.sleep(1)
        await other.cancel_run("r", "not needed", by="ann")
        result = await run.wait()
        assert (result.status, result.reason) == ("canceled", "not needed")
        assert trio.current_time() == 1
        with pytest.raises(RunFinishedError, match="nothing left to cancel"):
            await other.cancel_run("r")


@pytest.mark.parametrize("verb", [Engine.cancel_run, Engine.drain_run])
@pytest.mark.parametrize("store", [None, "memory:"])
async def test_a_finished_run_is_neither_canceled_nor_drained(
    verb: Callable[..., Awaitable[None]],
    store: str | None,
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with open_engine(store=store) as engine:
        run = engine.submit(slow, 1, run_id="r")
        result = await run.wait()
        with pytest.raises(RunFinishedError, match="nothing left to cancel"):
            await verb(engine, "r")

    assert result.status == "success"


async def test_a_run_that_goes_on_here_is_canceled_and_waited_for(
    autojump_clock: trio.testing.MockClock,
) -> None:
    for store in (None, MemoryStore()):
        async with open_engine(store=store) as engine:
            run = engine.submit(slow, 1)
            await trio.sleep(1)
            await engine.cancel_run(run.run_id, "enough")

            result = await run.wait()
            assert (result.status, result.reason) == ("canceled", "enough")


async def test_whoever_holds_a_run_that_was_canceled_elsewhere_cannot_resume_it() -> None:
    store = MemoryStore()
    await suspend(store, "r")
    async with open_engine(store=store, workflows=[asking]) as engine:
        run = await engine.load_run("r")
        async with open_engine(store=store) as other:
            await other.cancel_run("r")

        with pytest.raises(NotResumableError):
            await run.resume("yes")


async def test_an_unknown_run_cannot_be_canceled() -> None:
    for store in (None, MemoryStore()):
        async with open_engine(store=store) as engine:
            with pytest.raises(UnknownRunError):
                await engine.cancel_run("r")
