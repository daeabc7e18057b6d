"""The part of the contract of stores that workers need: queues, and who works on what."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import attrs

if TYPE_CHECKING:
    from trioflow.abc._journal import StoredRun

DEFAULT_QUEUE = "default"
"""The queue of runs for which none is given."""


@attrs.frozen(kw_only=True)
class StoredOwner:
    """An owner of claims, as listed by a store."""

    owner: str
    runs: int
    """How many runs it has claimed and not released."""
    claimed_at: float
    """When it took the run that it has held for the longest time: seconds since the epoch."""
    held_for: float = attrs.field(default=0.0, eq=False)
    """Seconds until the last of its claims expires; 0 if it is dead or they have expired."""


@attrs.frozen(kw_only=True)
class StoredQueue:
    """The runs of a queue that wait for a worker, as listed by a store."""

    queue: str
    waiting: int
    """How many runs are enqueued or interrupted, and claimed by no owner."""
    oldest: float
    """When the oldest of them was created: seconds since the epoch."""


class WorkStore(ABC):
    """What a store does for workers: engines that take runs which others have enqueued."""

    @abstractmethod
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
        """Claim up to *limit* runs that have work to do, for *seconds* from now.

        Higher `RunHeader.priority` comes first, then the older run. Only free runs are claimed, as
        by `Store.claim`, and each by only one of concurrent callers. A run has work to do if it has
        entries and is not finished, and is pending (enqueued) or running, or has pending requests
        or a ``due_at`` that has passed. Runs of other workflows and queues cost little,
        and never delay those behind them. Costs one statement if there is nothing to claim.

        The claim of a lost reply is not lost: after a failed call, pass *held* once.

        Args:
          workflows: Only runs of these workflows, each with this `RunHeader.fingerprint`.
          queues: Only runs of these queues.
          now: The time to compare ``due_at`` with: seconds since the epoch, on the caller's
            clock.
          limit: Maximum number of runs.
          skipped: Ids of runs to leave out.
          held: Ids of the runs that *owner* knows to hold. Others that it has claimed are also
            returned. None: no claimed run of *owner* is returned.

        Returns:
          The runs in this order, as they were before: `StoredRun.owner` is the previous owner.
        """

    @abstractmethod
    async def wait_runs(self, owner: str) -> None:
        """Wait until there may be something new for `claim_next`.

        Returns soon after any process enqueues a run, or posts a request for an unclaimed run;
        immediately if that happened after the last `claim_next` of this owner began. Spurious
        returns are possible, and some stores cannot notice everything: poll as well. Runs that
        become due, or whose owner dies, do not wake this method. The owner must be open in this
        store; see `Store.open_owner`.

        Raises:
          StoreError: if the owner is not open, or the storage fails.
        """

    @abstractmethod
    async def list_owners(self) -> Sequence[StoredOwner]:
        """Return the owners that have claimed runs, in ascending order of their ids."""

    @abstractmethod
    async def list_queues(self) -> Sequence[StoredQueue]:
        """Return the queues in which runs wait for a worker, in ascending order of their names."""
