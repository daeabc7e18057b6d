"""Delete runs from the store and from memory, and apply commands to many runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable

import attrs
import trio

from trioflow._engine.journal.listing import RunList
from trioflow._engine.journal.stored_runs import StoredRuns
from trioflow._engine.life.life import Life
from trioflow._engine.life.registry import RunRegistry
from trioflow.abc import RunFilter
from trioflow.errors import RunStateError, StoreError, TrioflowError, UnknownRunError
from trioflow.events import FINISHED_STATUSES, RunStatus
from trioflow.run_info import BulkResult
from trioflow.values import Values

PAGE = 200
"""How many runs are listed at a time."""


@attrs.frozen
class Remover:
    """Deletes the runs of one engine."""

    registry: RunRegistry
    stored: StoredRuns | None
    values: Values | None = None

    async def delete(self, run_id: str) -> None:
        """Delete a run that is not driven, and everything known about it.

        Raises:
          UnknownRunError: if there is no such run.
          RunStateError: if it is driven here.
          RunClaimedError: if another process drives it.
        """
        async with self.registry.lock(run_id):
            life = self.registry.find(run_id)
            if life is not None:
                async with life.resuming:  # otherwise an answer could continue it meanwhile
                    await self._delete_known(life)
            elif not await self._delete_stored(run_id):
                raise UnknownRunError(run_id)

    async def _delete_known(self, life: Life) -> None:
        if life.is_driven_here:
            problem = "it is running here; cancel it, wait for it to finish, then delete it"
            raise RunStateError(life.run_id, life.record.status, problem)
        if not await self._delete_stored(life.run_id):
            await self._free_values([life.run_id])
        self.registry.forget(life)

    async def _delete_stored(self, run_id: str) -> bool:
        """Delete a run from the store; return whether it was there."""
        await trio.lowlevel.checkpoint()
        if self.stored is None:
            return False
        durable = self.stored.durable
        found = await durable.store.get(run_id)
        if found is None:
            return False
        # A finished run has no driver. Any other run is claimed, so that no other process continues
        # it meanwhile; the claim is deleted together with the run.
        if found.status not in FINISHED_STATUSES:
            seconds = durable.writer.claim_seconds
            if not await durable.store.claim(run_id, durable.owner, seconds):
                raise await durable.claimed_elsewhere(run_id)
        try:
            is_deleted = await durable.store.delete(run_id)
        except BaseException:
            with trio.CancelScope(shield=True):
                await durable.store.release(run_id, durable.owner)
            raise
        await self._free_values([run_id])
        return is_deleted

    async def _free_values(self, run_ids: Iterable[str]) -> None:
        """Delete the values that only these deleted runs have used."""
        for run_id in run_ids if self.values is not None else ():
            assert self.values is not None
            await self.values.release(run_id)

    async def prune(self, before: float, status: Collection[RunStatus]) -> int:
        """Delete the runs with one of these statuses that were last updated before *before*.

        Return how many were deleted.

        Runs that are driven are kept.
        """
        if self.stored is None:
            await trio.lowlevel.checkpoint()
            old = self._old(before, status)
            await self._free_values([life.run_id for life in old])
            return sum(map(self._forget, old))
        store = self.stored.durable.store
        # Not all that are gone: the value store may hold values of runs of another store.
        using = set() if self.values is None else await self.values.runs_here()
        count = await store.prune(before, status)
        await self._free_values([each for each in using if await store.get(each) is None])
        for life in self._old(before, status):
            async with self.registry.lock(life.run_id):
                if await store.get(life.run_id) is None:
                    self._forget(life)
        return count

    def _old(self, before: float, status: Collection[RunStatus]) -> list[Life]:
        return [
            life
            for life in self.registry.known()
            if not life.is_driven_here
            and life.record.status in status
            and 0 < life.core.log.at < before
        ]

    def _forget(self, life: Life) -> bool:
        self.registry.forget(life)
        return True


async def for_each(
    runs: RunList, chosen: RunFilter, do: Callable[[str], Awaitable[None]]
) -> BulkResult:
    """Do something for all matching runs; a refusal of one run does not affect the others.

    Raises:
      StoreError: if the store fails; it may have been done for some of the runs.
    """
    done: list[str] = []
    refused: dict[str, TrioflowError] = {}
    cursor = None
    while page := await runs.page(chosen, PAGE, 0, cursor):
        for run in page:
            try:
                await do(run.run_id)
            except StoreError:
                raise
            except TrioflowError as exc:
                refused[run.run_id] = exc
            else:
                done.append(run.run_id)
        cursor = page[-1].cursor  # not an offset: deletions would shift it
    return BulkResult(tuple(done), refused)
