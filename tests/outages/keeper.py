"""A process that keeps runs going: ``python -m tests.outages.keeper FOLDER NAME RUN``.

It starts a run of that id, or only recovers if it is ``-``, and writes down when bodies run, on a
clock that nobody sets.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import trio
from trioflow_sql import SqlStore

from trioflow import StepContext, Workflow, open_engine, step

CLAIM = 3.0
SLEEP = 2.0
"""Seconds that a run sleeps before its body begins."""
TICKS = 60
TICK = 0.1


class Diary:
    """What one process has written down; lines of run and time."""

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / f"{name}.diary"

    def write(self, what: str) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        os.write(file, f"{what} {time.clock_gettime(time.CLOCK_BOOTTIME)!r}\n".encode())
        os.close(file)

    def read(self, what: str) -> list[float]:
        lines = self._path.read_text().splitlines() if self._path.exists() else []
        return [float(line.split()[1]) for line in lines if line.split()[0] == what]


def working(diary: Diary, ticks: int = TICKS) -> Workflow[int, int]:
    """Return a workflow that sleeps and then works for a while."""

    @step
    async def works(value: int, ctx: StepContext[None]) -> int:
        for _ in range(ticks):
            diary.write(ctx.run_id)
            await trio.sleep(TICK)
        return value

    return Workflow("working", input=int, output=int).sleep(SLEEP).then(works)


async def main(folder: Path, name: str, run_id: str) -> None:
    diary = Diary(folder, name)
    async with open_engine(
        plugins=[],
        store=SqlStore(f"sqlite:{folder / 'runs.db'}"),
        workflows=[working(diary)],
        claim_seconds=CLAIM,
        recover=True,
    ) as engine:
        diary.write("opened")
        if run_id != "-":
            engine.submit("working", 1, run_id=run_id)
        await trio.sleep_forever()


if __name__ == "__main__":
    # The system call that this makes otherwise does not work under libfaketime.
    time.sleep = lambda seconds: [threading.Event().wait(float(seconds))].clear()
    trio.run(main, Path(sys.argv[1]), sys.argv[2], sys.argv[3])
