"""What one worker asks of runs, and how each of its operations is written down.

An operation is written down before it begins (``invoke``) and when it is over: ``ok`` if it was
acknowledged, ``fail`` if it was refused and so has no effect, ``info`` if nobody knows. One that
has no second line was cut off by the death of its process.
"""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import attrs

from tests.crash.notes import Notes
from trioflow import Engine, Run
from trioflow.abc import StoredRun
from trioflow.errors import (
    AmbiguousResumeError,
    DuplicateRunError,
    InboxFullError,
    JournalConflictError,
    MailboxFullError,
    NotResumableError,
    NotSuspendedError,
    RunClaimedError,
    RunFinishedError,
    RunStateError,
    StoreError,
    UnknownRunError,
)
from trioflow.events import RunStatus

REFUSED = (
    AmbiguousResumeError,
    DuplicateRunError,
    InboxFullError,
    MailboxFullError,
    NotResumableError,
    NotSuspendedError,
    RunClaimedError,
    RunFinishedError,
    UnknownRunError,
)
"""Nothing has come of what was asked."""
UNKNOWN = (JournalConflictError, RunStateError, StoreError)
"""Something may have come of it."""
UNFINISHED: tuple[RunStatus, ...] = ("pending", "running", "suspended", "paused")


@attrs.define
class Operation:
    """One that is going on."""

    id: str
    result: Any = None
    """What it has given, for the notes."""


@attrs.define(eq=False)
class Asker:
    """Asks things of the runs of one store, through one engine."""

    engine: Engine
    notes: Notes
    chance: random.Random

    @asynccontextmanager
    async def operation(
        self, kind: str, run_id: str | None = None, name: str | None = None
    ) -> AsyncGenerator[Operation, None]:
        """Write down what the block does. What it is known to raise is no trouble."""
        done = Operation(self.notes.new_id())
        fields = {"id": done.id, "kind": kind, "run": run_id, "name": name}
        self.notes.write("operation", phase="invoke", **fields)
        phase, error = "ok", cast("Exception | None", None)
        try:
            yield done
        except REFUSED as exc:
            phase, error = "fail", exc
        except UNKNOWN as exc:
            phase, error = "info", exc
        except Exception as exc:  # the checker tells
            phase, error = "wrong", exc
        said = None if error is None else f"{type(error).__name__}: {error}"
        self.notes.write("operation", phase=phase, error=said, data=done.result, **fields)

    async def unfinished(self, *workflow_ids: str) -> Sequence[StoredRun]:
        """Return the runs that have not ended, of some workflows or of all."""
        assert self.engine.store is not None
        found = await self.engine.store.list_runs(status=UNFINISHED)
        return [run for run in found if not workflow_ids or run.header.workflow_id in workflow_ids]

    # ------------------------------------------------------------ starting
    async def start(self, workflow_id: str, run_id: str) -> None:
        """Start a run that others try to start as well, and wait for its end."""
        run: Run[Any, Any] | None = None
        if self.chance.random() < 0.5:
            async with self.operation("start_once", run_id) as done:
                run = await self.engine.start_once(workflow_id, 1, run_id=run_id, by=done.id)
                done.result = run is not None
        else:
            async with self.operation("attach", run_id) as done:
                run = self.engine.submit(
                    workflow_id, 1, run_id=run_id, if_exists="attach", by=done.id
                )
        if run is not None:
            await self.wait(run)

    async def wait(self, run: Run[Any, Any]) -> None:
        """Wait for the end of a run, and write down what it is said to be."""
        async with self.operation("wait", run.run_id) as done:
            result = await run.wait()
            done.result = {"status": result.status, "output": result.output}

    # ------------------------------------------------------------ asking
    async def cancel(self, run_id: str) -> None:
        """Cancel a run, from wherever."""
        async with self.operation("cancel", run_id) as done:
            await self.engine.cancel_run(run_id, done.id, by=done.id)

    async def cancel_here(self, run_id: str) -> None:
        """Cancel a run by its own method, which works if it is driven here."""
        async with self.operation("cancel_here", run_id) as done:
            run = await self.engine.load_run(run_id)
            run.cancel(done.id)

    async def answer(self, run_id: str) -> None:
        """Answer the question of a run, from wherever."""
        async with self.operation("answer", run_id) as done:
            await self.engine.resume_run(run_id, done.id, step="asks", by=done.id)

    async def answer_here(self, run_id: str) -> None:
        """Answer the question of a run by its own method, and wait for its end."""
        async with self.operation("answer_here", run_id) as done:
            run = await self.engine.load_run(run_id)
            await run.resume(done.id, step="asks")

    async def send(self, run_id: str, name: str) -> bool:
        """Send an event to a run, from wherever; tell whether it is acknowledged."""
        async with self.operation("send", run_id, name) as done:
            await self.engine.send_event(run_id, name, done.id, by=done.id)
            return True
        return False

    async def send_here(self, run_id: str, name: str) -> None:
        """Send an event by a run's own method, which works if it is driven here."""
        async with self.operation("send_here", run_id, name) as done:
            run = await self.engine.load_run(run_id)
            run.send_event(name, done.id)

    async def recover(self) -> None:
        """Take up what is free."""
        async with self.operation("recover") as done:
            done.result = len(await self.engine.recover())
