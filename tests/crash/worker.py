"""A worker process: goes on with what others have left, and starts new runs until told to stop.

``python -m tests.crash.worker URL FOLDER`` forks a worker for each line ``start`` that it
reads, since that is much quicker than importing everything again, and waits for one at
``wait PID``. The file ``stop`` in the folder ends workers once nothing is left to do, and so does
the end of the process that forked them. A worker prints a line as soon as it works.
"""

from __future__ import annotations

import os
import sys
import uuid
from pathlib import Path
from typing import Any

import trio
from trioflow_sql import SqlStore

from tests.crash.flows import FLOWS
from trioflow import Engine, Run, open_engine
from trioflow.errors import (
    JournalConflictError,
    NotResumableError,
    NotSuspendedError,
    RunClaimedError,
    RunStateError,
    StoreError,
)
from trioflow.events import RunStatus

AT_ONCE = 4
"""How many new runs one worker has going."""
CLAIM = 1.0
"""Seconds until what a dead worker has left may be taken over."""
PAUSE = 0.05

LOST = (JournalConflictError, RunClaimedError, RunStateError, NotSuspendedError, StoreError)
"""What a worker gets to see if another one was quicker, or took it for dead."""


async def main(url: str, folder: Path, parent: int) -> None:
    stop = folder / "stop"
    store = SqlStore(url, patience=60)  # a worker that gives up would end the test
    async with (
        open_engine(store=store, workflows=FLOWS, claim_seconds=CLAIM, recover=True) as engine,
        trio.open_nursery() as nursery,
    ):
        print("ready", os.getpid(), flush=True)
        for number in range(AT_ONCE):
            nursery.start_soon(start_runs, engine, number, stop)
        while os.getppid() == parent:
            await engine.recover()
            await answer_all(engine, nursery)
            if stop.exists() and not await left(engine):
                break
            await trio.sleep(PAUSE)
        nursery.cancel_scope.cancel()


async def start_runs(engine: Engine, number: int, stop: Path) -> None:
    """Start run after run."""
    while not stop.exists():  # noqa: ASYNC240 - quick enough for a test
        workflow = FLOWS[number % len(FLOWS)]
        run = engine.submit(workflow, number, run_id=f"{workflow.id}-{number}-{uuid.uuid4().hex}")
        number += AT_ONCE
        try:
            await run.wait()
        except LOST as exc:
            print(run.run_id, type(exc).__name__, exc, file=sys.stderr)


async def answer_all(engine: Engine, nursery: trio.Nursery) -> None:
    """Answer every question that waits for somebody."""
    assert engine.store is not None
    waiting: tuple[RunStatus, ...] = ("suspended",)
    for stored in await engine.store.list_runs(status=waiting):
        try:
            run = await engine.load_run(stored.header.run_id)
        except LOST as exc:
            print(stored.header.run_id, type(exc).__name__, exc, file=sys.stderr)
        else:
            nursery.start_soon(answer, run)


async def answer(run: Run[Any, Any]) -> None:
    try:
        await run.resume("asks", "yes")
    except LOST as exc:
        if not isinstance(exc, NotResumableError):  # the one before is still at it
            print(run.run_id, type(exc).__name__, exc, file=sys.stderr)


async def left(engine: Engine) -> bool:
    """Tell whether a run is not over yet."""
    assert engine.store is not None
    unfinished: tuple[RunStatus, ...] = ("pending", "running", "suspended", "paused")
    return bool(await engine.store.list_runs(status=unfinished, limit=1))


def serve(url: str, folder: Path) -> None:
    """Do what the lines on standard input say. Has no threads, so that it can fork."""
    parent = os.getpid()
    for line in iter(sys.stdin.readline, ""):
        command, _, pid = line.strip().partition(" ")
        if command == "wait":
            _, status = os.waitpid(int(pid), 0)
            print("ended", os.waitstatus_to_exitcode(status), flush=True)
        elif os.fork() == 0:
            try:
                trio.run(main, url, folder, parent)
            except BaseException:
                print("failed", os.getpid(), flush=True)
                raise
            return


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]))
