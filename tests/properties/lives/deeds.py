"""What can be done in a process; each deed says what must come of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from tests.properties.lives import asking, expected
from tests.properties.lives.processes import RUN, Process, read
from tests.properties.lives.world import World
from trioflow._phases import Phase
from trioflow.errors import DuplicateRunError
from trioflow.events import ACTIVE_STATUSES

Deed = Callable[[World, Process], Awaitable[Any]]


# ---------------------------------------------------------------- starting
async def create(world: World, process: Process) -> None:
    """Create the run, for somebody to start."""

    async def do() -> None:
        process.run = process.engine.create_run(process.workflow, run_id=RUN)

    if process.life is None:
        await world.expect(process, "create", do)


async def start(world: World, process: Process, **options: Any) -> None:
    run = process.run
    if run is not None:
        refused = expected.start(world, run)
        await world.expect(process, "start", partial(run.start, 0, **options), refused)


async def stream(world: World, process: Process, **options: Any) -> None:
    """Start the run, and read its events to their end."""
    run = process.run
    if run is not None and not expected.start(world, run):
        await world.expect(process, "stream", partial(read, run.stream(0, **options)))


async def submit(world: World, process: Process) -> None:
    async def do() -> None:
        process.run = process.engine.submit(process.workflow, 0, run_id=RUN)
        await process.run.wait()

    if process.life is None:
        refused = () if world.status is None else (DuplicateRunError,)
        await world.expect(process, "submit", do, refused)
        if refused:
            process.run = None


async def attach(world: World, process: Process) -> None:
    """Have the run run here, or follow the one that there is."""

    async def do() -> None:
        process.run = process.engine.submit(process.workflow, 0, run_id=RUN, if_exists="attach")

    await world.expect(process, "attach", do)


async def start_once(world: World, process: Process) -> None:
    is_known = process.life is not None or world.status is not None
    do = partial(process.engine.start_once, process.workflow, 0, run_id=RUN)
    attempt = await world.expect(process, "start once", do)
    if attempt.is_done and process.is_in_order:
        assert (attempt.result is None) is is_known
        process.run = attempt.result or process.run


# ---------------------------------------------------------------- loading
async def load(world: World, process: Process) -> None:
    async def do() -> None:
        process.run = await process.engine.load_run(RUN)

    await world.expect(process, "load", do, expected.load(world, process))


async def wait(world: World, process: Process) -> None:
    """Wait for the run, wherever it is driven."""
    run = process.run
    if run is not None and run._life.phase in (Phase.ELSEWHERE, Phase.RUNNING):
        await world.expect(process, "wait", run.wait)


async def recover(world: World, process: Process) -> None:
    journal, life = world.journal, process.life
    wanted = (
        journal is not None
        and not world.has_ended
        and (journal.status in ACTIVE_STATUSES or bool(journal.requests))
        and world.is_free_for(process)
        and world.is_readable(process)
        and not (life is not None and life.is_driven_here)
    )
    attempt = await world.expect(process, "recover", process.engine.recover)
    if attempt.is_done and process.is_in_order:
        found = [run for run in attempt.result if run.run_id == RUN]
        assert bool(found) == wanted, f"recovered {found}, {wanted=}"
        process.run = found[0] if found else process.run


async def recover_run(world: World, process: Process) -> None:
    run = process.run
    if run is not None:
        refused = expected.recover_run(world, process, run)
        await world.expect(process, "recover the run", run.recover, refused)


DEEDS: Mapping[str, Deed] = {
    "create": create,
    "start": start,
    "start step by step": partial(start, per_step=True),
    "stream": stream,
    "stream that stays open": partial(stream, close_on_suspend=False),
    "submit": submit,
    "attach": attach,
    "start once": start_once,
    "load": load,
    "wait": wait,
    "recover": recover,
    "recover the run": recover_run,
    "answer": asking.answer,
    "answer step by step": partial(asking.answer, per_step=True),
    "answer in a stream": asking.answer_in_a_stream,
    "answer wrongly": asking.answer_wrongly,
    "answer by id": asking.answer_by_id,
    "send": asking.send,
    "send by id": asking.send_by_id,
    "cancel": asking.cancel,
    "cancel by id": asking.cancel_by_id,
    "drain": asking.drain,
    "drain by id": asking.drain_by_id,
    "halt": asking.halt,
    "fork": asking.fork,
}
"""What can be done in a process."""
