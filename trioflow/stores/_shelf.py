"""The contents of a memory store, and the clock by which its claims expire."""

from __future__ import annotations

import time
from collections.abc import Callable

import attrs
import trio

from trioflow.abc import Append, Entry, Request, RunHeader, StoredRun
from trioflow.errors import JournalConflictError
from trioflow.events import ACTIVE_STATUSES, FINISHED_STATUSES, RunStatus
from trioflow.stores._places import Lines
from trioflow.stores._schedules import ScheduleShelf

Age = tuple[float, str]
"""Position in the order of runs: ``created_at`` and ``run_id``."""


@attrs.define
class Journal:
    """A run, its journal, and its pending requests."""

    header: RunHeader
    status: RunStatus
    due_at: float | None = None
    entries: list[Entry] = attrs.field(factory=list)
    requests: dict[int, Request] = attrs.field(factory=dict)
    owner: str | None = None
    claimed_until: float = 0.0
    """When the claim expires, on the shelf's clock. Meaningless without an owner."""
    claimed_at: float = 0.0
    """When the owner took the run."""

    @property
    def age(self) -> Age:
        """Position in the order of runs."""
        return self.header.created_at, self.header.run_id

    @property
    def last_seq(self) -> int:
        """The ``seq`` of the last entry, -1 if there is none."""
        return self.entries[-1].seq if self.entries else -1

    @property
    def updated_at(self) -> float:
        """Time of the last entry, or of the header if there is none."""
        return self.entries[-1].at if self.entries else self.header.created_at

    def held_for(self, now: float) -> float:
        """Return the number of seconds until the claim expires, 0 if the run is free."""
        return max(0.0, self.claimed_until - now) if self.owner is not None else 0.0

    def has_work(self, now: float) -> bool:
        """Return whether there is work for a process that claims the run."""
        if self.status == "running":
            return True
        due = self.due_at is not None and self.due_at <= now
        return self.status not in FINISHED_STATUSES and (due or bool(self.requests))

    def can_be_taken(self, now: float) -> bool:
        """Return whether there is work for a worker that claims the run."""
        return bool(self.entries) and (self.has_work(now) or self.status == "pending")

    @property
    def is_waiting(self) -> bool:
        """Whether the run is enqueued or interrupted, and waits for a worker."""
        is_active = self.status in ACTIVE_STATUSES
        return self.owner is None and is_active and bool(self.entries)

    def take(self, owner: str, now: float, seconds: float) -> None:
        """Give the run to an owner, for *seconds* from now."""
        if self.owner != owner:
            self.claimed_at = now
        self.owner, self.claimed_until = owner, now + seconds

    def describe(self, now: float) -> StoredRun:
        """Return the run as listed by a store."""
        return StoredRun(
            header=self.header,
            status=self.status,
            updated_at=self.updated_at,
            last_seq=self.last_seq,
            due_at=self.due_at,
            owner=self.owner,
            held_for=self.held_for(now),
        )

    def add(self, append: Append) -> None:
        """Apply an append that does not conflict."""
        self.entries.extend(append.entries)
        self.status, self.due_at = append.status, append.due_at
        for id in append.requests:
            self.requests.pop(id, None)
        if append.status in FINISHED_STATUSES:
            self.requests.clear()


class Bell:
    """Wakes the tasks that wait for requests of an owner. Stays rung until it is muted."""

    def __init__(self) -> None:
        self._rung = False
        self._waiting = trio.lowlevel.ParkingLot()

    def ring(self) -> None:
        """Wake all waiting tasks."""
        self._rung = True
        self._waiting.unpark_all()

    def mute(self) -> None:
        """Make later calls of `wait` block again."""
        self._rung = False

    async def wait(self) -> None:
        """Wait until the bell is rung, unless it is already. Always a checkpoint."""
        if self._rung:
            await trio.lowlevel.checkpoint()
        else:
            await self._waiting.park()


class Shelf:
    """All runs of a memory store. Its methods are synchronous, and therefore atomic."""

    def __init__(self) -> None:
        self.journals: dict[str, Journal] = {}
        self.bells: dict[str, Bell] = {}
        """The bell of each open owner: rung when there may be requests to take."""
        self.work_bells: dict[str, Bell] = {}
        """The same for runs that workers may claim."""
        self.schedules = ScheduleShelf()
        self.lines = Lines()
        self._last_id = 0
        self._clock: trio.abc.Clock | None = None
        self._epoch = 0.0
        self._latest = 0.0

    def append(self, append: Append) -> JournalConflictError | None:
        """Apply an append, or return why it is refused."""
        run = self.journals.get(append.run_id)
        conflict = append.conflict(run.last_seq if run else None, run.owner if run else None)
        if conflict is not None:
            return conflict
        if append.tick is not None and not self.schedules.start(append.tick):
            return append.tick_conflict()
        if append.header is not None:
            run = self.journals[append.run_id] = Journal(append.header, append.status)
            if append.owner is not None:
                run.take(append.owner, self.now(), append.claim_seconds)
        assert run is not None  # or it was a conflict
        if append.input is not None:
            run.header = attrs.evolve(run.header, input=append.input)
        run.add(append)
        if append.enqueues:
            self._ring_workers()
        return None

    def _ring_workers(self) -> None:
        for bell in self.work_bells.values():
            bell.ring()

    def describe_all(self, chosen: Callable[[Journal], bool]) -> list[StoredRun]:
        """Return the chosen runs, in any order."""
        now = self.now()
        return [run.describe(now) for run in self.journals.values() if chosen(run)]

    def claimed_by(self, owner: str) -> list[Journal]:
        """Return the runs that an owner has claimed and not released."""
        return [run for run in self.journals.values() if run.owner == owner]

    def post(self, request: Request) -> Request:
        """Keep a request and wake the owners that may take it.

        Raises:
          UnknownRunError, RunFinishedError, RequestRefusedError: if it must be refused.
        """
        run = self.journals.get(request.run_id)
        refusal = request.refusal(run.status if run else None, len(run.requests) if run else 0)
        if refusal is not None:
            raise refusal
        assert run is not None  # or it was refused
        self._last_id += 1
        posted = attrs.evolve(request, id=self._last_id)
        run.requests[posted.id] = posted
        for owner, bell in self.bells.items():
            if run.owner in (None, owner):
                bell.ring()
        if run.owner is None:
            self._ring_workers()
        return posted

    def now(self) -> float:
        """Return the time in seconds since the epoch, advancing with Trio's clock."""
        clock = trio.lowlevel.current_clock()
        if clock is not self._clock:  # a new run of Trio, whose clock has an arbitrary start
            self._clock = clock
            self._epoch = max(time.time(), self._latest) - trio.current_time()
        self._latest = self._epoch + trio.current_time()
        return self._latest
