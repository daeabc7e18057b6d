"""Workers that take what a fourth process enqueues, answers and cancels.

``python -m tests.crash.queued FOLDER`` forks workers as `tests.crash.worker` does, and
``python -m tests.crash.queued FOLDER NUMBER`` enqueues so many runs and gives commands about them,
until the file ``stop`` is there and all runs have ended.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import trio
from trioflow_sql import SqlStore

from tests.crash import flows
from tests.crash.asking import Asker
from tests.crash.flows import ALL, FLOWS
from tests.crash.notes import Notes
from tests.crash.settings import Settings
from tests.crash.worker import Worker, left, serve
from trioflow import Engine, open_engine
from trioflow.errors import StoreError

POLL = 1.0
CAPACITY = 40
COMMANDER = "commander"


@attrs.define(eq=False)
class Commander(Worker):
    """Enqueues runs, and gives commands through an engine that drives none."""

    async def enqueue(self, engine: Engine, number: int) -> None:
        """Enqueue so many runs, each at least once."""
        enqueuer = Asker(engine, self.asker.notes, self.asker.chance)
        for index in range(number):
            workflow = FLOWS[index % len(FLOWS)]
            run_id = f"{workflow.id}-{index}"
            while True:
                async with enqueuer.operation("start_once", run_id) as done:
                    await engine.enqueue(workflow, 1, run_id=run_id, by=done.id)
                    done.result = True
                if done.result:
                    break
                if await engine.store.get(run_id):  # type: ignore[union-attr]
                    break  # the reply was lost
                await trio.sleep(0.2)
            await trio.sleep(0.005)
        (self.folder / "enqueued").touch()

    async def answer(self) -> None:
        """Answer a run that asks."""
        runs = [run for run in await self.asker.unfinished("loops") if run.status == "suspended"]
        for run in self.asker.chance.sample(runs, min(4, len(runs))):
            self.nursery.start_soon(self.asker.answer, run.header.run_id)

    async def cancel(self) -> None:
        """Cancel any run."""
        runs = await self.asker.unfinished()
        if runs and not self.is_stopping:
            await self.asker.cancel(self.asker.chance.choice(runs).header.run_id)

    async def disturb(self) -> None:
        """Send an event that no step waits for."""
        runs = await self.asker.unfinished()
        if runs and not self.is_stopping:
            await self.asker.send(self.asker.chance.choice(runs).header.run_id, "noise")

    async def command(self) -> None:
        """Give commands until all is over."""
        for pause, what in (
            (0.2, self.answer),
            (2.0, self.cancel),
            (0.3, self.send),
            (0.5, self.disturb),
        ):
            self.nursery.start_soon(self.repeat, pause, what)
        while not self.is_stopping or await left(self.asker):  # noqa: ASYNC110 - a file
            await trio.sleep(0.2)


async def command(folder: Path, number: int) -> None:
    settings = Settings.read(folder)
    notes = Notes(folder, COMMANDER)
    chance = random.Random(f"{settings.seed} {COMMANDER}")
    async with (
        open_engine(plugins=[], store=SqlStore(settings.url), workflows=ALL.values()) as knowing,
        open_engine(plugins=[], store=SqlStore(settings.url)) as engine,
        trio.open_nursery() as nursery,
    ):
        asker = Asker(engine, notes, chance)
        commander = Commander(asker, nursery, folder, settings, 0, is_alone=True)
        nursery.start_soon(commander.enqueue, knowing, number)
        await commander.command()
        nursery.cancel_scope.cancel()


async def patiently(begin: Callable[..., Awaitable[None]], *args: Any) -> None:
    """Do something; a database that is away when it starts is waited for."""
    while True:
        try:
            return await begin(*args)
        except StoreError as exc:
            if not exc.transient:
                raise
            print("not opened:", exc, file=sys.stderr)
        await trio.sleep(0.5)


async def work(folder: Path, name: str, parent: int) -> None:
    """Work until all is over."""
    settings = Settings.read(folder)
    flows.notes = Notes(folder, name)
    async with (
        open_engine(
            plugins=[],
            store=SqlStore(settings.url),
            workflows=ALL.values(),
            claim_seconds=settings.claim_seconds,
            max_recoveries=1000,  # here it is never the run that kills
        ) as engine,
        trio.open_nursery() as nursery,
    ):
        asker = Asker(engine, flows.notes, random.Random(name))
        flows.notes.write("open", subject=name)
        nursery.start_soon(lambda: engine.work(CAPACITY, poll=POLL))
        while os.getppid() == parent:
            await trio.sleep(0.1)
            if (folder / "stop").exists() and not await left(asker):
                break
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    if len(sys.argv) > 2:
        trio.run(patiently, command, Path(sys.argv[1]), int(sys.argv[2]))
    else:
        serve(Path(sys.argv[1]), partial(patiently, work))
