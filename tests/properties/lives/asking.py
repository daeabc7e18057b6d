"""What can be asked of a run: each deed says what must come of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from tests.properties.lives import expected
from tests.properties.lives.processes import RUN, Process, read
from tests.properties.lives.world import World
from trioflow import Run, RunResult
from trioflow._engine.life.ending import halt as halt_run
from trioflow._phases import Phase
from trioflow.errors import InvalidValueError, NotResumableError, NotSuspendedError


# ---------------------------------------------------------------- answers and events
@asynccontextmanager
async def asked(world: World, process: Process, run: Run[Any, Any]) -> AsyncGenerator[None, None]:
    """Expect what is asked of a run in the block to be done, or the run to be known here no more:
    if it waits, others may have driven it in the meantime."""
    waits = run._life.phase is Phase.WAITING
    is_news, before = waits and world.is_news_to(run._life), len(world.recorded())
    yield
    if process.is_in_order and is_news:
        assert run._life.phase is Phase.HALTED, f"it is {run._life.phase.value}"
        assert len(world.recorded()) == before, "it has an effect"
    elif process.is_in_order and waits:
        assert len(world.recorded()) > before


async def answer(world: World, process: Process, **options: Any) -> None:
    run = process.run
    if run is not None:
        refused = expected.answer(world, process, run)
        do = partial(run.resume, 2, **options)
        await world.expect(process, "answer", do, refused)


async def answer_in_a_stream(world: World, process: Process) -> None:
    run = process.run
    if run is not None:
        refused = expected.answer(world, process, run)
        if run._life.parked is not None:
            refused = (NotResumableError,)
        do = partial(read, run.resume_stream(2))
        await world.expect(process, "answer in a stream", do, refused)


async def answer_wrongly(world: World, process: Process) -> None:
    run = process.run
    if run is not None and not expected.answer(world, process, run) and world.status == "suspended":
        do = partial(run.resume, 2, label="other")
        await world.expect(process, "wrong label", do, (NotSuspendedError,))
        do = partial(run.resume, "two")
        await world.expect(process, "wrong type", do, (InvalidValueError,))


async def answer_by_id(world: World, process: Process) -> None:
    refused = expected.resume_run(world, process)
    await world.expect(process, "answer by id", partial(process.engine.resume_run, RUN, 2), refused)


async def send(world: World, process: Process) -> None:
    run = process.run

    async def do() -> None:
        assert run is not None
        run.send_event("go", len(world.told))  # no two are alike

    if run is not None:
        async with asked(world, process, run):
            await world.expect(process, "send", do, expected.send(run))


async def send_by_id(world: World, process: Process) -> None:
    refused = expected.request(world, process)
    do = partial(process.engine.send_event, RUN, "go", len(world.told))
    await world.expect(process, "send by id", do, refused)


# ---------------------------------------------------------------- ends
async def cancel(world: World, process: Process) -> None:
    run = process.run

    async def do() -> None:
        assert run is not None
        run.cancel(f"enough of {len(world.told)}")

    if run is not None:
        async with asked(world, process, run):
            await world.expect(process, "cancel", do, expected.cancel(run))


async def cancel_by_id(world: World, process: Process) -> None:
    refused = expected.request(world, process)
    await world.expect(process, "cancel by id", partial(process.engine.cancel_run, RUN), refused)


async def drain(world: World, process: Process) -> None:
    run = process.run
    if run is not None:
        async with asked(world, process, run):
            do = partial(run.drain, 1)
            await world.expect(process, "drain", do, expected.drain(world, run))


async def drain_by_id(world: World, process: Process) -> None:
    refused = expected.request(world, process)
    do = partial(process.engine.drain_run, RUN, grace=1)
    await world.expect(process, "drain by id", do, refused)


async def halt(world: World, process: Process) -> None:
    run = process.run

    async def do() -> None:
        assert run is not None
        halt_run(run._life)

    if run is not None:
        await world.expect(process, "halt", do)


async def fork(world: World, process: Process) -> None:
    """Fork the run at its first question, as a run that nobody here looks after."""
    run = process.run
    if run is not None and (run._life.record.records or run._life.result is None):
        run_id = f"fork {len(world.shelf.journals)}"

        async def do() -> RunResult[Any]:
            forked = await run.fork("asks", run_id=run_id)
            return await forked.start()

        await world.expect(process, "fork", do, expected.fork(process, run))
