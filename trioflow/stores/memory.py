"""Keeps journals in memory: for tests, and for runs that need not survive the process."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence

import attrs
import trio

from trioflow.abc import Append, Entry, RunHeader, Store, StoredRun
from trioflow.errors import JournalConflictError
from trioflow.events import RunStatus

OVER: Collection[RunStatus] = ("success", "failed", "canceled")


@attrs.define
class _Journal:
    header: RunHeader
    entries: list[Entry]
    status: RunStatus
    owner: str | None = None
    claimed_until: float = 0.0

    @property
    def last_seq(self) -> int:
        return self.entries[-1].seq if self.entries else -1


class MemoryStore(Store):
    """A store without storage. May be shared by several engines of one process."""

    def __init__(self) -> None:
        self._journals: dict[str, _Journal] = {}

    async def append(self, appends: Sequence[Append]) -> Sequence[JournalConflictError | None]:
        await trio.lowlevel.checkpoint()
        return [self._append(append) for append in appends]

    async def read(self, run_id: str, after: int = -1, limit: int = 1000) -> Sequence[Entry]:
        await trio.lowlevel.checkpoint()
        journal = self._journals.get(run_id)
        entries = journal.entries if journal else ()
        return [entry for entry in entries if entry.seq > after][:limit]

    async def get(self, run_id: str) -> StoredRun | None:
        await trio.lowlevel.checkpoint()
        journal = self._journals.get(run_id)
        return _stored(journal) if journal else None

    async def list_runs(
        self,
        *,
        status: Collection[RunStatus] | None = None,
        workflow_id: str | None = None,
        resource_id: str | None = None,
        limit: int | None = None,
    ) -> Sequence[StoredRun]:
        await trio.lowlevel.checkpoint()
        found = [
            _stored(journal)
            for journal in self._journals.values()
            if (status is None or journal.status in status)
            and workflow_id in (None, journal.header.workflow_id)
            and resource_id in (None, journal.header.resource_id)
        ]
        found.sort(key=lambda run: (run.header.created_at, run.header.run_id), reverse=True)
        return found[:limit]

    async def claim(self, run_id: str, owner: str, seconds: float) -> bool:
        await trio.lowlevel.checkpoint()
        journal = self._journals.get(run_id)
        if journal is None:
            return False
        now = time.time()
        if journal.owner not in (None, owner) and journal.claimed_until > now:
            return False
        journal.owner, journal.claimed_until = owner, now + seconds
        return True

    async def release(self, run_id: str, owner: str) -> None:
        await trio.lowlevel.checkpoint()
        journal = self._journals.get(run_id)
        if journal is not None and journal.owner == owner:
            journal.owner = None

    async def delete(self, run_id: str) -> bool:
        await trio.lowlevel.checkpoint()
        return self._journals.pop(run_id, None) is not None

    async def prune(self, before: float) -> int:
        await trio.lowlevel.checkpoint()
        old = [
            run_id
            for run_id, journal in self._journals.items()
            if journal.status in OVER and _stored(journal).updated_at < before
        ]
        for run_id in old:
            del self._journals[run_id]
        return len(old)

    def _append(self, append: Append) -> JournalConflictError | None:
        journal = self._journals.get(append.run_id)
        if journal is None:
            if append.header is None:
                return JournalConflictError(append.run_id, "there is no such run")
            journal = _Journal(append.header, [], append.status, append.owner)
            journal.claimed_until = time.time() + append.claim_seconds
        elif append.header is not None:
            return JournalConflictError(append.run_id, "there is such a run already")
        if journal.last_seq != append.after:
            problem = f"it ends with seq {journal.last_seq}, not {append.after}"
            return JournalConflictError(append.run_id, problem)
        journal.entries.extend(append.entries)
        journal.status = append.status
        self._journals[append.run_id] = journal
        return None


def _stored(journal: _Journal) -> StoredRun:
    return StoredRun(
        header=journal.header,
        status=journal.status,
        updated_at=journal.entries[-1].at if journal.entries else journal.header.created_at,
        last_seq=journal.last_seq,
        owner=journal.owner,
        claimed_until=journal.claimed_until if journal.owner else None,
    )
