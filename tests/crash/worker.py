"""A worker process: starts, recovers, answers, cancels, and sends events, all at once.

``python -m tests.crash.worker FOLDER`` forks a worker for each line ``start NAME`` that it reads,
since that is much quicker than importing everything again, and tells of its end when it is asked
with ``look PID`` or ``wait PID``. The file ``stop`` in the folder ends workers once nothing is
left to do, and so does the end of the process that forked them.
"""

from __future__ import annotations

import os
import random
import sys
import time
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import attrs
import trio
from trioflow_sql import SqlStore

from tests.crash import flows
from tests.crash.asking import Asker
from tests.crash.flows import ALL, EVENTS, FLOWS
from tests.crash.notes import Notes, read_notes
from tests.crash.settings import WORKERS, Settings
from trioflow import open_engine
from trioflow.errors import StoreError
from trioflow.stores import MemoryStore

SLOT = 0.15
"""Seconds after which all workers try to start the next run."""
RECOVERERS = 3
"""How many tasks of a worker recover at the same time."""


Main = Callable[[Path, str, int], Awaitable[None]]


@attrs.define(eq=False)
class Worker:
    """What one process does."""

    asker: Asker
    nursery: trio.Nursery
    folder: Path
    settings: Settings
    place: int
    """Which of the workers it is; those that are started one after another have the same."""
    tried: set[str] = attrs.field(factory=set)
    """Runs that this process has tried to start."""
    sent: set[tuple[str, str]] = attrs.field(factory=set)
    """Events that were acknowledged to this place: run and name."""
    is_alone: bool = False
    """Whether it has seen that all others are gone for good."""

    @property
    def is_stopping(self) -> bool:
        """Whether nothing is to be begun any more."""
        return (self.folder / "stop").exists()

    async def repeat(self, pause: float, what: Callable[[], Awaitable[None]]) -> None:
        """Do something again and again, at random moments."""
        while True:
            await trio.sleep(pause * self.asker.chance.uniform(0.5, 1.5))
            try:
                await what()
            except StoreError as exc:
                print("not done:", exc, file=sys.stderr)

    async def start(self) -> None:
        """Start the run that is next, which others do as well; the bomb comes first."""
        number = int((time.time() - self.settings.began) / SLOT)
        workflow = FLOWS[number % len(FLOWS)]
        run_id = f"{workflow.id}-{number}"
        for id, of in (("bomb", "bomb"), (run_id, workflow.id)):
            if id not in self.tried and not self.is_stopping:
                self.tried.add(id)
                self.nursery.start_soon(self.asker.start, of, id)

    async def answer(self) -> None:
        """Answer a run that asks; others may do so at the same time."""
        runs = [run for run in await self.asker.unfinished("loops") if run.status == "suspended"]
        if runs:
            run_id = self.asker.chance.choice(runs).header.run_id
            ways = (self.asker.answer, self.asker.answer, self.asker.answer_here)
            self.nursery.start_soon(self.asker.chance.choice(ways), run_id)

    async def cancel(self) -> None:
        """Cancel any run."""
        runs = [run for run in await self.asker.unfinished() if run.header.workflow_id != "bomb"]
        if runs and not self.is_stopping:
            run_id = self.asker.chance.choice(runs).header.run_id
            ways = (self.asker.cancel, self.asker.cancel_here)
            self.nursery.start_soon(self.asker.chance.choice(ways), run_id)

    async def send(self) -> None:
        """Send what runs need, each event once if that is acknowledged: so none may get lost."""
        if self.is_stopping and not self.is_alone:
            self.is_alone = True
            self.remember()
        for run in await self.asker.unfinished("events"):
            run_id = run.header.run_id
            if self.is_alone or zlib.crc32(run_id.encode()) % WORKERS == self.place:
                for name in EVENTS:
                    if (run_id, name) not in self.sent and await self.asker.send(run_id, name):
                        self.sent.add((run_id, name))

    async def disturb(self) -> None:
        """Send an event that no step waits for."""
        runs = await self.asker.unfinished()
        if runs and not self.is_stopping:
            run_id = self.asker.chance.choice(runs).header.run_id
            ways: tuple[Callable[[str, str], Awaitable[object]], ...]
            ways = (self.asker.send, self.asker.send_here)
            self.nursery.start_soon(self.asker.chance.choice(ways), run_id, "noise")

    def remember(self) -> None:
        """Find out what has been sent from this place, or from all if no other is left."""
        for line in read_notes(self.folder):
            is_mine = self.is_alone or place_of(line["process"]) == self.place
            if is_mine and (line.get("kind"), line.get("phase")) == ("send", "ok"):
                self.sent.add((line["run"], line["name"]))

    async def wait_done(self, parent: int) -> None:
        """Wait until it is to stop and nothing is left, or the process that forked this is gone."""
        while os.getppid() == parent:
            await trio.sleep(0.1)
            if self.is_stopping and not await left(self.asker):
                return

    def work(self) -> None:
        """Begin to do all this."""
        self.remember()
        for _ in range(RECOVERERS):
            self.nursery.start_soon(self.repeat, 0.3, self.asker.recover)
        for pause, what in (
            (0.05, self.start),
            (0.1, self.answer),
            (2.0, self.cancel),
            (0.1, self.send),
            (0.5, self.disturb),
        ):
            self.nursery.start_soon(self.repeat, pause, what)


def place_of(process: str) -> int:
    """Return which of the workers a process is, by its name ``PLACE.NUMBER``."""
    place = process.partition(".")[0]
    return int(place) if place.isdecimal() else -1


async def main(folder: Path, name: str, parent: int) -> None:
    settings = Settings.read(folder)
    flows.notes = Notes(folder, name)
    chance = random.Random(f"{settings.seed} {name}")
    async with (
        open_engine(
            plugins=[],
            store=SqlStore(settings.url),
            workflows=ALL.values(),
            claim_seconds=settings.claim_seconds,
            recover=True,
        ) as engine,
        trio.open_nursery() as nursery,
    ):
        asker = Asker(engine, flows.notes, chance)
        flows.notes.write("open", subject=name)
        worker = Worker(asker, nursery, folder, settings, place_of(name))
        worker.work()
        await worker.wait_done(parent)
        nursery.cancel_scope.cancel()


async def left(asker: Asker) -> bool:
    """Tell whether a run has not ended yet."""
    try:
        return bool(await asker.unfinished())
    except StoreError as exc:
        print("not seen:", exc, file=sys.stderr)
        return True


async def import_all() -> None:
    """Have everything imported that workers need."""
    async with open_engine(plugins=[], store=MemoryStore(), workflows=ALL.values()):
        pass


def serve(folder: Path, main: Main) -> None:
    """Do what the lines on standard input say. Has no threads, so that it can fork.

    Args:
      main: What a worker does; takes the folder, its name and the process that forks it.
    """
    trio.run(import_all)
    parent = os.getpid()
    for line in iter(sys.stdin.readline, ""):
        command, _, argument = line.strip().partition(" ")
        if command == "start":
            pid = os.fork()
            if pid == 0:
                trio.run(main, folder, argument, parent)
                return
            print("started", pid, flush=True)
        else:
            pid, status = os.waitpid(int(argument), os.WNOHANG if command == "look" else 0)
            print("ended" if pid else "running", os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    serve(Path(sys.argv[1]), main)
