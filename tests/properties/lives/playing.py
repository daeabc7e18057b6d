"""Plays a script: deeds, waits, and what befalls processes, one after another."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import trio
import trio._core._run
import trio.testing
from trio.testing import MockClock

from tests.properties.lives.deeds import DEEDS
from tests.properties.lives.flow import NAP
from tests.properties.lives.moves import Move, Moves
from tests.properties.lives.processes import CLAIM, Attempt, Process, here
from tests.properties.lives.races import RACES
from tests.properties.lives.world import World, is_typed
from trioflow import events
from trioflow._engine.base.outcome import is_interrupt
from trioflow.errors import JournalConflictError, RunStateError, StoreError
from trioflow.events import FINISHED_STATUSES, WAITING_STATUSES
from trioflow.record import fold
from trioflow.testing import check_events

ENDLESS = 1000.0
"""Seconds of virtual time that nothing takes."""
Step = tuple[Any, ...]
"""What is done or befalls, and in which process; or for how long everybody waits."""
AWAITED = {
    type.type: type for type in (events.Start, events.Suspended, events.Canceled, events.Finish)
}
"""The events at which Ctrl-C may be pressed, by their names."""


def play(script: Sequence[Step]) -> set[Move]:
    """Play a script on a clock of its own, always with the same schedule, and return which entries
    of the table it has taken."""
    schedule: random.Random = trio._core._run._r
    schedule.seed(0)
    random.seed(0)
    moves = Moves()
    with moves.watch():
        return trio.run(_play, script, moves, clock=MockClock(autojump_threshold=0))


async def _play(script: Sequence[Step], moves: Moves) -> set[Move]:
    async with trio.open_nursery() as nursery:
        world = World(nursery, moves)
        try:
            with trio.fail_after(ENDLESS):
                for step in script:
                    await perform(world, step)
                    world.check()
                taken = set(moves.taken)
                await come_to_the_end(world)
        except BaseException as exc:
            exc.add_note("\n".join(world.told))
            raise
        nursery.cancel_scope.cancel()
    return taken


async def perform(world: World, step: Step) -> None:
    """Do one step, and wait until nothing moves any more but time."""
    match step:
        case ("wait", float() | int() as seconds):
            await trio.sleep(seconds)
        case ("close", int() as number):
            await world.close(number)
        case ("crash", int() as number):
            await world.crash(number)
        case ("old version" | "new version" as name, int() as number):
            await world.open(number, name.removesuffix(" version"))
        case ("away" | "back" as name, int() as number):
            process = world.processes[number]
            if process is not None:
                process.store.is_away = name == "away"
                process.was_away = True
        case ("crash within", int() as ticks, str() as name, int() as number):
            process = await world.process(number)
            world.nursery.start_soon(burn, process, ticks)
            await do(world, name, process)
        case ("interrupt", str() as awaited, int() as number):
            (await world.process(number)).keyboard.awaited = AWAITED[awaited]
        case (str() as name,) if name in RACES:
            await RACES[name](world, [await world.process(0), await world.process(1)])
        case (str() as name, int() as number):
            await do(world, name, await world.process(number))
    await trio.testing.wait_all_tasks_blocked()
    await world.bury()
    world.told.append(f"{step} -> {world.status}")


async def do(world: World, name: str, process: Process) -> None:
    if process.is_in_order:
        await DEEDS[name](world, process)


async def burn(process: Process, ticks: int) -> None:
    """Let a process die soon."""
    for _ in range(ticks):
        await trio.lowlevel.checkpoint()
    process.store.is_dead = True


# ---------------------------------------------------------------- the end
async def come_to_the_end(world: World) -> None:
    """Have all runs finish, whatever was done with them."""
    for number in range(2):
        await world.close(number)
    await trio.sleep(CLAIM + 1)
    for run_id in list(world.shelf.journals):
        await finish(world, run_id)
        check_events(world.recorded(run_id))
    for process, attempt in world.attempts:
        check_attempt(process, attempt)


async def finish(world: World, run_id: str) -> None:
    """Have a run finish, in a process of the version by which it was run."""
    typed = [e for e in world.recorded(run_id) if isinstance(e, events.StepResult) and is_typed(e)]
    process = await world.open(0, "new" if typed and "new" in typed[0].output else "old")
    here.set(process)
    journal, nudges = world.shelf.journals[run_id], 0
    while journal.status not in FINISHED_STATUSES:
        nudges += 1
        assert nudges < 20, f"{run_id} does not come to its end: {journal.status}"
        if journal.status in WAITING_STATUSES:
            await process.engine.resume_run(run_id, 2)
        else:
            await process.engine.recover()
            await process.engine.send_event(run_id, "go", 3)
        await trio.sleep(2 * NAP)
        await trio.testing.wait_all_tasks_blocked()
        world.check()
    error = fold(world.recorded(run_id)).error
    assert journal.status in ("success", "canceled"), f"{run_id} is {journal.status}: {error!r}"


def check_attempt(process: Process, attempt: Attempt) -> None:
    """Check what has become of something that was taken, in the long run."""
    error = attempt.error
    allowed: tuple[type[Exception], ...] = ()
    if error is None or attempt.is_expected or process.is_dead:
        return
    if process.was_away:
        allowed += (StoreError, JournalConflictError)
    if process.closing.is_set():
        allowed += (RunStateError,)
    if process.keyboard.has_pressed and is_interrupt(error):
        return
    assert type(error) in allowed, f"{attempt.name} was taken, and came to {error!r}"
