"""Workers of a store, as actors on the cluster."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
from ray_steps import hosted
from trioflow_ray import start_workers, stop_workers

from trioflow import Engine, open_engine
from trioflow.errors import DefinitionError

TARGETS = ("ray_steps.hosted:hosted", "ray_steps.hosted:far")
RUNS = 20


async def until(holds: Callable[[], object]) -> None:
    """Wait for what only other processes know."""
    while not holds():  # noqa: ASYNC110
        await trio.sleep(0.02)


async def finish(engine: Engine, ids: list[str]) -> list[str]:
    """Wait for runs, and return their statuses."""
    return [(await (await engine.load_run(id)).wait()).status for id in ids]


async def test_workers_drive_runs_and_are_started_again(cluster: Any, tmp_path: Path) -> None:
    url, notes = f"sqlite:{tmp_path}/runs.db", tmp_path / "notes"
    notes.touch()

    def pids() -> set[int]:
        return {int(line.split()[1]) for line in notes.read_text().splitlines()}

    with trio.fail_after(120):
        names = await start_workers(
            2, *TARGETS, store=url, capacity=4, poll=0.5, num_cpus=0.1, engine={"claim_seconds": 5}
        )
        async with open_engine(store=url, workflows=[hosted.hosted, hosted.far]) as engine:
            ids = [await engine.enqueue(hosted.hosted, str(tmp_path)) for _ in range(RUNS)]
            await until(lambda: len(pids()) == 2)
            killed = pids()
            for pid in killed:
                os.kill(pid, signal.SIGKILL)
            statuses = await finish(engine, ids)
            far = await engine.load_run(await engine.enqueue(hosted.far, ""))
            elsewhere = (await far.wait()).unwrap()
        stopped = await stop_workers()
        again = await stop_workers()

    begins = [line.split()[0] for line in notes.read_text().splitlines()]
    assert statuses == ["success"] * RUNS
    assert pids() - killed
    assert elsewhere not in pids()
    assert len(set(begins)) == 2 * RUNS
    assert len(begins) - len(set(begins)) <= 2 * 4  # those in the middle, of as many as fit
    assert sorted(stopped) == sorted(names)
    assert again == []


async def test_workers_that_cannot_begin_say_why(cluster: Any, tmp_path: Path) -> None:
    url = f"sqlite:{tmp_path}/runs.db"
    with pytest.raises(DefinitionError, match=r"no workflow 'ray_steps\.hosted:far_out'"):
        await start_workers(1, "ray_steps.hosted:far_out", store=url, num_cpus=0)

    assert await stop_workers() == []
