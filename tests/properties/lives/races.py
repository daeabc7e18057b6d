"""What is done in two processes at once: one of them gets it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from tests.properties.lives import expected
from tests.properties.lives.processes import Attempt, Process
from tests.properties.lives.world import Errors, World
from trioflow._phases import Phase
from trioflow.errors import DuplicateRunError, NotResumableError, RunClaimedError
from trioflow.events import ACTIVE_STATUSES

Race = Callable[[World, Sequence[Process]], Awaitable[None]]


def are_in_order(processes: Sequence[Process]) -> bool:
    return all(process.is_in_order for process in processes)


def check_refused(
    processes: Sequence[Process], attempts: Sequence[Attempt], errors: Errors
) -> None:
    """Check that all but one were refused, with one of these errors."""
    refused = [attempt for attempt in attempts if isinstance(attempt.error, errors)]
    for attempt in refused:
        attempt.is_expected = True
    left = [attempt for attempt in attempts if attempt not in refused]
    if are_in_order(processes):
        assert [attempt.error for attempt in left] == [None], f"not refused: {left}"
    else:  # one was interrupted within it, so the one that was not refused may have no end
        assert len(left) <= 1 + sum(not process.is_in_order for process in processes)


async def start(world: World, processes: Sequence[Process]) -> None:
    """Start the run in both."""
    things = [
        (process, "start in both", partial(process.run.start, 0))
        for process in processes
        if process.run is not None and not expected.start(world, process.run)
    ]
    if len(things) == 2 and are_in_order(processes):
        attempts = await world.do(things)
        check_refused(processes, attempts, (DuplicateRunError,))


async def answer(world: World, processes: Sequence[Process], times: int = 1) -> None:
    """Answer the run in both."""
    things = [
        (process, "answer in both", partial(process.run.resume, 2))
        for process in processes
        if process.run is not None and not expected.answer(world, process, process.run)
        for _ in range(times)
    ]
    if len(things) > 1 and are_in_order(processes):
        attempts = await world.do(things)
        check_refused(processes, attempts, (NotResumableError, RunClaimedError))


async def recover(world: World, processes: Sequence[Process]) -> None:
    """Recover all runs in both."""
    if world.status not in ACTIVE_STATUSES or not are_in_order(processes):
        return
    things = [(process, "recover in both", process.engine.recover) for process in processes]
    able = [p for p in processes if world.is_free_for(p) and world.is_readable(p)]
    is_driven = any(p.life is not None and p.life.is_driven_here for p in processes)
    attempts = await world.do(things)
    taken = [run for a in attempts for run in a.result or () if run.run_id == "run"]
    if are_in_order(processes):
        assert len(taken) == bool(able and not is_driven)
    else:
        assert len(taken) <= 1


async def recover_run(world: World, processes: Sequence[Process]) -> None:
    """Continue the run in both."""
    things = [
        (process, "recover the run in both", process.run.recover)
        for process in processes
        if process.run is not None
        and process.run._life.phase is Phase.ELSEWHERE
        and not expected.recover_run(world, process, process.run)
    ]
    if len(things) == 2 and are_in_order(processes) and world.status in ACTIVE_STATUSES:
        attempts = await world.do(things)
        check_refused(processes, attempts, (NotResumableError, RunClaimedError))


RACES: Mapping[str, Race] = {
    "start in both": start,
    "answer in both": answer,
    "answer often in both": partial(answer, times=2),
    "recover in both": recover,
    "recover the run in both": recover_run,
}
"""What can be done in two processes at once."""
