"""The contract of stores that keep schedules, and the values passed to them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Sequence
from typing import Literal, TypeAlias

import attrs
import trio

from trioflow._calendar import calendar_now
from trioflow.abc._store import Store

Decision: TypeAlias = Literal[
    "decided", "started", "queued", "skipped", "missed", "failed", "set-back"
]
"""What became of a tick. ``"decided"``: its run will start, and nothing changes that.
``"started"``: the header of its run was written. ``"queued"``: it waits for an earlier run.
``"skipped"``: an earlier run was unfinished. ``"missed"``: it came while nothing could start it.
``"failed"``: its run could not be started. ``"set-back"`` is no tick: the clock had been wrong."""

OPEN_DECISIONS: tuple[Decision, ...] = ("decided", "queued")
"""The decisions that something follows."""
DAY = 86_400.0
"""Records are kept for at least this many seconds before the watermark."""
LOOK = 5.0
"""Seconds between two looks at what other processes have changed."""


@attrs.frozen(kw_only=True)
class StoredSchedule:
    """A schedule as a store keeps it. It has no times but the watermark and the hint `wake_at`."""

    id: str
    workflow_id: str
    rule: str
    """Which ticks there are: JSON that the store need not understand."""
    options: str
    """What becomes of them: JSON."""
    input: str | None = None
    """The input of the runs, as JSON. None: the engine that declares the schedule has it."""
    is_declared: bool = False
    """Whether it comes from the code of a program, and not from a call at runtime."""
    version: int = 0
    """Changes with each `ScheduleStore.put_schedules` and `ScheduleStore.advance`."""
    watermark: float
    """All ticks up to this time are decided: seconds since the epoch, on the store's clock."""
    since: float
    """When it was created or its rule changed, or it was resumed."""
    starts: int = 0
    """How many ticks of the rule were decided to start."""
    is_paused: bool = False
    reason: str | None = None
    """Why it is paused."""
    kept_since: float | None = None
    """Records of ticks up to this time may have been removed; None if none were."""
    wake_at: float | None = None
    """When to look at it again. Only a hint for sleeping: ticks are always computed."""


@attrs.frozen(kw_only=True)
class TickRecord:
    """What became of one tick, or of several that were missed together."""

    schedule: str
    at: float
    """The time of the tick: seconds since the epoch."""
    decision: Decision
    decided_at: float
    """When: seconds since the epoch, on the store's clock."""
    run_id: str | None = None
    """The run, for a tick that is decided, started or queued."""
    reason: str | None = None
    """Why it did not start."""
    owner: str | None = None
    """The engine that decided."""
    by: str | None = None
    """Who asked for the tick; None if the rule did."""
    overlap: str | None = None
    """What was asked for in place of the schedule's own overlap; None if nothing was."""
    number_missed: int = 0
    """How many ticks directly before it were missed."""
    first: float | None = None
    """The first of the ticks that this record stands for; None if it stands for one."""
    count: int = 1
    """How many ticks this record stands for; a lower bound if they are very many."""

    def covers(self, at: float) -> bool:
        """Return whether this record stands for the tick at a time."""
        return (self.at if self.first is None else self.first) <= at <= self.at


class ScheduleStore(Store):
    """A store that also keeps schedules. `trioflow.testing.check_store` checks this contract.

    The rules for strings, errors and checkpoints are those of `Store`. A tick is decided by
    `advance` only, and started by an append with ``Append.tick`` only.
    """

    async def now(self) -> float:
        """Return the calendar time by the clock of the storage: seconds since the epoch.

        Default: the clock of this machine, or virtual time. A store for several machines returns
        the time of its server, so that it does not matter what the clocks of the machines show.
        """
        await trio.lowlevel.checkpoint()
        return calendar_now()

    async def put_schedule(self, schedule: StoredSchedule, *, if_version: int | None) -> bool:
        """Create or replace one schedule, as `put_schedules` does.

        Raises:
          StoreError: if the storage fails; then it is unknown whether it was applied.
        """
        [is_applied] = await self.put_schedules([(schedule, if_version)])
        return is_applied

    @abstractmethod
    async def put_schedules(
        self, changes: Sequence[tuple[StoredSchedule, int | None]]
    ) -> Sequence[bool]:
        """Create or replace schedules, in one transaction.

        The new version of each is above all its earlier ones.

        Args:
          changes: Schedules with different ids, and the version that each replaces; None to create
            it.

        Returns:
          For each whether it was applied. It is not, and nothing changes, if the schedule has
          another version, does not exist, or already exists; the others are applied. Atomic across
          processes.

        Raises:
          StoreError: if the storage fails; then it is unknown whether they were applied: either
            all, or none.
        """

    @abstractmethod
    async def get_schedule(self, id: str) -> StoredSchedule | None:
        """Return a schedule, or None if it does not exist."""

    @abstractmethod
    async def list_schedules(self) -> Sequence[StoredSchedule]:
        """Return all schedules, in the order of their ids."""

    @abstractmethod
    async def delete_schedule(self, id: str) -> bool:
        """Delete a schedule and its records; return whether it existed."""

    @abstractmethod
    async def advance(
        self,
        id: str,
        *,
        version: int,
        after: float,
        to: float,
        ticks: Sequence[TickRecord],
        wake_at: float | None = None,
    ) -> bool:
        """Move the watermark and add records, in one transaction. The only place of decisions.

        A record replaces the one of the same tick, unless that is ``"started"``.
        `StoredSchedule.starts` grows by the number of ``"decided"`` records without ``by``.

        Args:
          version: The version that the decisions are based on.
          after: The watermark that they are based on.
          to: The new watermark.
          ticks: The records.
          wake_at: The new hint.

        Returns:
          False, and nothing changes, if another process was faster: the version or the watermark
          is another, the schedule does not exist, or a tick has started.

        Raises:
          StoreError: if the storage fails; then it is unknown whether it was applied.
        """

    @abstractmethod
    async def list_ticks(
        self,
        id: str | None,
        limit: int | None = 100,
        *,
        after: float | None = None,
        before: float | None = None,
        decisions: Collection[Decision] | None = None,
    ) -> Sequence[TickRecord]:
        """Return records, the newest ticks first.

        Args:
          id: The schedule; None for all.
          limit: Maximum number of records.
          after, before: Only ticks after, or before, a time.
          decisions: Only these.
        """

    @abstractmethod
    async def prune_ticks(self, id: str, before: float) -> int:
        """Remove old records of a schedule, and return their number.

        Removes records of ticks before *before*, but none after the watermark or less than `DAY`
        before it, and none of `OPEN_DECISIONS`. `StoredSchedule.kept_since` becomes the time of
        the newest removed record, if it was earlier.
        """

    @abstractmethod
    async def wake(self, after: float) -> float | None:
        """Return the earliest hint `StoredSchedule.wake_at` after a time, or None."""

    async def wait_schedules(self) -> None:
        """Wait until schedules or records may have changed. Spurious returns are possible.

        Default: waits a few seconds.
        """
        await trio.sleep(LOOK)
