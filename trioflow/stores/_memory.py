"""Keeps journals in memory: for tests, and for runs that need not survive the process."""

from __future__ import annotations

import time
from bisect import bisect_right
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
    status: RunStatus
    entries: list[Entry] = attrs.field(factory=list)
    owner: str | None = None
    claimed_until: float | None = None

    @property
    def last_seq(self) -> int:
        return self.entries[-1].seq if self.entries else -1

    @property
    def updated_at(self) -> float:
        return self.entries[-1].at if self.entries else self.header.created_at

    def describe(self) -> StoredRun:
        return StoredRun(
            header=self.header,
            status=self.status,
            updated_at=self.updated_at,
            last_seq=self.last_seq,
            owner=self.owner,
            claimed_until=self.claimed_until,
        )


class MemoryStore(Store):
    """A store without storage. May be shared by several engines of one process.

    It may also be entered again, and then still holds all that was appended. Claims expire
    by Trio's clock, so in virtual time under `trio.testing.MockClock`.

    **Cancellation**: a method that raises `trio.Cancelled` has done nothing.
    """

    def __init__(self) -> None:
        self._journals: dict[str, _Journal] = {}
        self._clock: trio.abc.Clock | None = None
        self._epoch = 0.0
        self._latest = 0.0

    async def append(self, appends: Sequence[Append]) -> Sequence[JournalConflictError | None]:
        await trio.lowlevel.checkpoint()
        return [self._append(append) for append in appends]

    async def read(self, run_id: str, after: int = -1, limit: int = 1000) -> Sequence[Entry]:
        await trio.lowlevel.checkpoint()
        journal = self._journals.get(run_id)
        if journal is None:
            return []
        first = bisect_right(journal.entries, after, key=lambda entry: entry.seq)
        return journal.entries[first : first + limit]

    async def get(self, run_id: str) -> StoredRun | None:
        await trio.lowlevel.checkpoint()
        journal = self._journals.get(run_id)
        return journal.describe() if journal else None

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
            journal.describe()
            for journal in self._journals.values()
            if (status is None or journal.status in status)
            and workflow_id in (None, journal.header.workflow_id)
            and resource_id in (None, journal.header.resource_id)
        ]
        found.sort(key=lambda run: (run.header.created_at, run.header.run_id), reverse=True)
        return found[:limit]

    async def claim(self, run_id: str, owner: str, seconds: float) -> bool:
        await trio.lowlevel.checkpoint()
        journal, now = self._journals.get(run_id), self._now()
        if journal is None:
            return False
        if journal.owner not in (None, owner) and (journal.claimed_until or 0.0) > now:
            return False
        journal.owner, journal.claimed_until = owner, now + seconds
        return True

    async def renew(self, owner: str, seconds: float) -> set[str]:
        await trio.lowlevel.checkpoint()
        until = self._now() + seconds
        held = {run_id: run for run_id, run in self._journals.items() if run.owner == owner}
        for journal in held.values():
            journal.claimed_until = until
        return set(held)

    async def release(self, run_id: str, owner: str) -> None:
        await trio.lowlevel.checkpoint()
        journal = self._journals.get(run_id)
        if journal is not None and journal.owner == owner:
            journal.owner = journal.claimed_until = None

    async def delete(self, run_id: str) -> bool:
        await trio.lowlevel.checkpoint()
        return self._journals.pop(run_id, None) is not None

    async def prune(self, before: float) -> int:
        await trio.lowlevel.checkpoint()
        old = [
            run_id
            for run_id, journal in self._journals.items()
            if journal.status in OVER and journal.updated_at < before
        ]
        for run_id in old:
            del self._journals[run_id]
        return len(old)

    def _append(self, append: Append) -> JournalConflictError | None:
        journal = self._journals.get(append.run_id)
        conflict = append.conflict(
            journal.last_seq if journal else None, journal.owner if journal else None
        )
        if conflict is not None:
            return conflict
        if append.header is not None:
            journal = self._journals[append.run_id] = _Journal(append.header, append.status)
            if append.owner is not None:
                journal.owner = append.owner
                journal.claimed_until = self._now() + append.claim_seconds
        assert journal is not None  # or it was a conflict
        journal.entries.extend(append.entries)
        journal.status = append.status
        return None

    def _now(self) -> float:
        """Return the time: seconds since the epoch, as far as Trio's clock has gone on."""
        clock = trio.lowlevel.current_clock()
        if clock is not self._clock:  # a new run of Trio: its clock begins anywhere
            self._clock = clock
            self._epoch = max(time.time(), self._latest) - trio.current_time()
        self._latest = self._epoch + trio.current_time()
        return self._latest
