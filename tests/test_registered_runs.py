"""Runs that are registered now and started later, by whichever process."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from trioflow import StepContext, Workflow, open_engine, step
from trioflow.context import MISSING
from trioflow.errors import (
    InvalidIdError,
    NotResumableError,
    RunFinishedError,
    RunStateError,
    StoreError,
    UnknownNameError,
)
from trioflow.stores import MemoryStore


@step
async def one(value: int) -> int:
    return value + 1


@step
async def take(value: int, ctx: StepContext[Any]) -> int:
    return value + await ctx.wait_for("more", int)


FLOW = Workflow("flow", input=int, output=int).then(one)
OTHER = Workflow("other", input=int, output=int).then(one)
TAKING = Workflow("taking", input=int, output=int).then(take)
FLOWS = (FLOW, OTHER, TAKING)


def open_on(store: MemoryStore, **options: Any) -> Any:
    return open_engine(plugins=[], workflows=FLOWS, store=store, **options)


async def test_a_registered_run_is_pending_until_another_engine_starts_it() -> None:
    store = MemoryStore()
    async with open_on(store) as here:
        assert await here.register_run("flow", run_id="r", resource_id="ada", tags=["t"])
        info = await here.find_run_info("r")
    assert (info.status, info.resource_id, info.input) == ("pending", "ada", MISSING)
    async with open_on(store) as there:
        assert [run.run_id for run in await there.list_runs(status="pending")] == ["r"]
        run = await there.start_once("flow", 1, run_id="r", resource_id="bob", tags=["u"])
        assert run is not None
        result = await run.wait()
        loaded = await there.find_run_info("r")

    assert (result.output, run.resource_id, run.tags) == (2, "ada", ("t",))
    assert (loaded.status, loaded.resource_id, loaded.tags) == ("success", "ada", ("t",))
    assert (loaded.created_at, loaded.input) == (info.created_at, 1)
    async with open_on(store) as again:
        record = (await again.load_run("r")).record
    assert (record.status, record.resource_id, record.input) == ("success", "ada", 1)


async def test_an_id_is_registered_once() -> None:
    store = MemoryStore()
    async with open_on(store) as here, open_on(store) as there:
        assert await here.register_run("flow", run_id="r", resource_id="ada")
        assert not await here.register_run("flow", run_id="r")
        assert not await there.register_run("other", run_id="r")
        await here.submit("flow", 1, run_id="s").wait()
        assert not await here.register_run("flow", run_id="s")
        assert not await there.register_run("flow", run_id="s")

        assert (await there.find_run_info("r")).resource_id == "ada"


async def test_of_many_starters_exactly_one_gets_it() -> None:
    store = MemoryStore()
    got = []
    async with open_on(store) as here, open_on(store) as there:
        await here.register_run("flow", run_id="r")

        async def start(engine: Any) -> None:
            run = await engine.start_once("flow", 1, run_id="r")
            if run is not None:
                got.append((await run.wait()).output)

        async with trio.open_nursery() as nursery:
            for engine in (here, there) * 4:
                nursery.start_soon(start, engine)

    assert got == [2]


async def test_a_run_of_another_workflow_is_not_started() -> None:
    store = MemoryStore()
    async with open_on(store) as engine:
        await engine.register_run("flow", run_id="r")

        assert await engine.start_once("other", 1, run_id="r") is None
        assert (await engine.find_run_info("r")).status == "pending"
        assert await engine.start_once("flow", 1, run_id="r") is not None


async def test_nothing_recovers_a_registered_run() -> None:
    store = MemoryStore()
    async with open_on(store) as engine:
        await engine.register_run("flow", run_id="r")
        assert await engine.recover() == ()
        for call in (engine.load_run, engine.recover_run):
            with pytest.raises(NotResumableError, match="start it with start_once"):
                await call("r")
        with pytest.raises(NotResumableError, match="start it with start_once"):
            await engine.resume_run("r", 1)


async def test_a_registered_run_can_be_canceled_and_deleted() -> None:
    store = MemoryStore()
    async with open_on(store) as engine:
        await engine.register_run("flow", run_id="r", resource_id="ada")
        await engine.cancel_run("r", "no longer needed", by="bob")
        record = (await engine.load_run("r")).record
        assert (record.status, record.reason) == ("canceled", "no longer needed")
        assert record.resource_id == "ada"
        assert await engine.start_once("flow", 1, run_id="r") is None
        with pytest.raises(RunFinishedError):
            await engine.cancel_run("r")
        await engine.register_run("flow", run_id="s")
        await engine.delete_run("s")
        assert await engine.register_run("other", run_id="s")


async def test_an_event_that_is_sent_before_the_start_is_taken_after_it() -> None:
    store = MemoryStore()
    async with open_on(store) as engine:
        await engine.register_run("taking", run_id="r")
        await engine.send_event("r", "more", 5)
        assert await engine.recover() == ()
        run = await engine.start_once("taking", 1, run_id="r")
        assert run is not None
        with trio.fail_after(10):
            assert (await run.wait()).output == 6


async def test_an_observer_of_a_registered_run_sees_it_start() -> None:
    store = MemoryStore()
    async with open_on(store) as engine:
        await engine.register_run("flow", run_id="r")
        types = []
        async with trio.open_nursery() as nursery:

            async def observe() -> None:
                async with engine.observe("r", until="finished") as stream:
                    types.extend([event.type async for event in stream])

            nursery.start_soon(observe)
            await trio.testing.wait_all_tasks_blocked()
            await engine.start_once("flow", 1, run_id="r")

    assert (types[0], types[-1]) == ("start", "finish")


async def test_what_cannot_be_registered_is_refused() -> None:
    async with open_on(MemoryStore()) as engine:
        with pytest.raises(InvalidIdError):
            await engine.register_run("flow", run_id="")
        with pytest.raises(UnknownNameError):
            await engine.register_run("nothing", run_id="r")
    with pytest.raises(RunStateError, match="closed"):
        await engine.register_run("flow", run_id="r")
    async with open_engine(plugins=[], workflows=FLOWS) as engine:
        with pytest.raises(RunStateError, match="only a store can keep"):
            await engine.register_run("flow", run_id="r")
        assert await engine.start_once("flow", 1, run_id="r") is not None


async def test_a_registration_that_cannot_be_written_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store = MemoryStore()

    async def fail(*arguments: Any) -> Any:
        raise StoreError("memory", "the disk is full")

    async with open_on(store, store_patience=0.1) as engine:
        monkeypatch.setattr(store, "append", fail)
        with pytest.raises(StoreError, match="full"):
            await engine.register_run("flow", run_id="r")
        monkeypatch.undo()
        assert await engine.register_run("flow", run_id="r")
