"""The queues of a memory store: which runs workers may take, and who works on what."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import trio

from trioflow.abc import StoredOwner, StoredQueue, StoredRun, WorkStore
from trioflow.errors import StoreError
from trioflow.stores._shelf import Journal, Shelf

NAME = "memory:"


class MemoryQueues(WorkStore):
    """The part of a memory store that workers need."""

    _shelf: Shelf

    async def claim_next(
        self,
        owner: str,
        seconds: float,
        *,
        workflows: Mapping[str, str],
        queues: Collection[str],
        now: float,
        limit: int,
        skipped: Collection[str] = (),
        held: Collection[str] | None = None,
    ) -> Sequence[StoredRun]:
        await trio.lowlevel.checkpoint()
        if owner in self._shelf.work_bells:
            self._shelf.work_bells[owner].mute()
        moment = self._shelf.now()
        found = [
            run
            for run_id, run in self._shelf.journals.items()
            if run.header.queue in queues
            and workflows.get(run.header.workflow_id) == run.header.fingerprint
            and run_id not in skipped
            and run.can_be_taken(now)
            and _is_for(owner, held, run, moment)
        ]
        found.sort(key=lambda run: (-run.header.priority, run.age))
        taken = [run.describe(moment) for run in found[:limit]]
        for run in found[:limit]:
            run.take(owner, moment, seconds)
        return taken

    async def wait_runs(self, owner: str) -> None:
        if owner not in self._shelf.work_bells:
            raise StoreError(NAME, f"owner {owner!r} is not open; use open_owner()")
        await self._shelf.work_bells[owner].wait()

    async def list_owners(self) -> Sequence[StoredOwner]:
        await trio.lowlevel.checkpoint()
        now = self._shelf.now()
        held: dict[str, list[Journal]] = {}
        for run in self._shelf.journals.values():
            if run.owner is not None:
                held.setdefault(run.owner, []).append(run)
        return [
            StoredOwner(
                owner=owner,
                runs=len(runs),
                claimed_at=min(run.claimed_at for run in runs),
                held_for=max(run.held_for(now) for run in runs),
            )
            for owner, runs in sorted(held.items())
        ]

    async def list_queues(self) -> Sequence[StoredQueue]:
        await trio.lowlevel.checkpoint()
        waiting: dict[str, list[float]] = {}
        for run in self._shelf.journals.values():
            if run.is_waiting:
                waiting.setdefault(run.header.queue, []).append(run.header.created_at)
        return [
            StoredQueue(queue=queue, waiting=len(times), oldest=min(times))
            for queue, times in sorted(waiting.items())
        ]


def _is_for(owner: str, held: Collection[str] | None, run: Journal, now: float) -> bool:
    """Return whether an owner may take a run, or has taken it without knowing."""
    if run.owner == owner:
        return held is not None and run.header.run_id not in held
    return run.held_for(now) == 0
