"""What check_store names of stores that are wrong about requests, owners and lists.

As in test_stores.py, each store here has one fault of the kind that is easy to make.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import pytest
import trio

from tests.chance import drive_by_chance
from trioflow.abc import Append, Request, Store, StoredRun
from trioflow.errors import JournalConflictError, StoreError
from trioflow.events import FINISHED_STATUSES, RunStatus
from trioflow.stores import MemoryStore
from trioflow.testing import StoreContractError, check_store
from trioflow.testing._stores import claiming, finding, owning, queueing, reading_only, requesting

Results = Sequence[JournalConflictError | None]


# ---------------------------------------------------------------- posting
class ForgetsWhoAsked(MemoryStore):
    async def post_request(self, request: Request) -> Request:
        posted = await super().post_request(request)
        kept = self._shelf.journals[request.run_id].requests
        kept[posted.id] = attrs.evolve(posted, by=None)
        return posted


class CountsForEachRunFromTheEnd(MemoryStore):
    """Gives an id again when the last request was removed."""

    async def post_request(self, request: Request) -> Request:
        self._shelf._last_id = max(
            (id for run in self._shelf.journals.values() for id in run.requests), default=0
        )
        return await super().post_request(request)


class TakesAnyLength(MemoryStore):
    async def post_request(self, request: Request) -> Request:
        posted = await super().post_request(attrs.evolve(request, payload="null"))
        run = self._shelf.journals[request.run_id]
        run.requests[posted.id] = attrs.evolve(posted, payload=request.payload)
        return run.requests[posted.id]


class TakesAnyNumber(MemoryStore):
    async def post_request(self, request: Request) -> Request:
        run = self._shelf.journals.get(request.run_id)
        if run is None:
            return await super().post_request(request)
        before = dict(run.requests)
        run.requests.clear()
        try:
            return await super().post_request(request)
        finally:
            run.requests |= before


class PostsToTheFinished(MemoryStore):
    async def post_request(self, request: Request) -> Request:
        run = self._shelf.journals.get(request.run_id)
        status, finished = "running", run is not None and run.status in FINISHED_STATUSES
        if run is not None and finished:
            run.status, status = "running", run.status
        try:
            return await super().post_request(request)
        finally:
            if run is not None and finished:
                run.status = status  # type: ignore[assignment]


class UpdatesTheRun(MemoryStore):
    async def post_request(self, request: Request) -> Request:
        posted = await super().post_request(request)
        self._shelf.journals[request.run_id].due_at = request.at
        return posted


# ---------------------------------------------------------------- taking
class TakesAway(MemoryStore):
    async def take_requests(self, owner: str, **options: Any) -> Sequence[Request]:
        taken = await super().take_requests(owner, **options)
        for request in taken:
            del self._shelf.journals[request.run_id].requests[request.id]
        return taken


class TakesTheNewestFirst(MemoryStore):
    async def take_requests(self, owner: str, **options: Any) -> Sequence[Request]:
        return (await super().take_requests(owner, **options))[::-1]


class TakesForAnybody(MemoryStore):
    async def take_requests(self, owner: str, **options: Any) -> Sequence[Request]:
        owners = {run.owner for run in self._shelf.journals.values() if run.owner}
        found = [await super(TakesForAnybody, self).take_requests(one, **options) for one in owners]
        return sorted((one for some in found for one in some), key=lambda one: one.id)


class TakesNoneForAll(MemoryStore):
    async def take_requests(
        self, owner: str, *, run_ids: Collection[str] | None = None, **options: Any
    ) -> Sequence[Request]:
        return await super().take_requests(owner, run_ids=run_ids or None, **options)


class BeginsPagesTooEarly(MemoryStore):
    async def take_requests(
        self, owner: str, *, after: int = 0, **options: Any
    ) -> Sequence[Request]:
        return await super().take_requests(owner, after=max(0, after - 1), **options)


# ---------------------------------------------------------------- removing
class RemovesWhatIsRefused(MemoryStore):
    async def append(self, appends: Sequence[Append]) -> Results:
        for append in appends:
            run = self._shelf.journals.get(append.run_id)
            for id in append.requests:
                if run is not None:
                    run.requests.pop(id, None)
        return await super().append(appends)


class RemovesOfAnyRun(MemoryStore):
    async def append(self, appends: Sequence[Append]) -> Results:
        results = await super().append(appends)
        for append, refused in zip(appends, results, strict=True):
            for run in self._shelf.journals.values():
                for id in append.requests if refused is None else ():
                    run.requests.pop(id, None)
        return results


class RemovesAllThatIsPending(MemoryStore):
    async def append(self, appends: Sequence[Append]) -> Results:
        results = await super().append(appends)
        for append, refused in zip(appends, results, strict=True):
            if refused is None:
                self._shelf.journals[append.run_id].requests.clear()
        return results


class RemovesOnlyWithEntries(MemoryStore):
    async def append(self, appends: Sequence[Append]) -> Results:
        return await super().append(
            [one if one.entries else attrs.evolve(one, requests=()) for one in appends]
        )


class KeepsThemForTheFinished(MemoryStore):
    async def append(self, appends: Sequence[Append]) -> Results:
        runs = self._shelf.journals
        before = {run_id: dict(run.requests) for run_id, run in runs.items()}
        results = await super().append(appends)
        for append in appends:
            if append.status in FINISHED_STATUSES and append.run_id in before:
                runs[append.run_id].requests |= before[append.run_id]
        return results


class KeepsThemForTheNextOfThatId(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self._left: dict[str, dict[int, Request]] = {}

    async def delete(self, run_id: str) -> bool:
        run = self._shelf.journals.get(run_id)
        self._left[run_id] = run.requests if run else {}
        return await super().delete(run_id)

    async def append(self, appends: Sequence[Append]) -> Results:
        results = await super().append(appends)
        for append in appends:
            if append.header is not None and append.run_id in self._left:
                self._shelf.journals[append.run_id].requests |= self._left.pop(append.run_id)
        return results


# ---------------------------------------------------------------- waking
class WakesNobody(MemoryStore):
    async def wait_requests(self, owner: str) -> None:
        await trio.sleep_forever()


class WakesOwnersOnly(MemoryStore):
    """Not for runs that nobody has claimed."""

    async def post_request(self, request: Request) -> Request:
        bells, run = self._shelf.bells, self._shelf.journals.get(request.run_id)
        if run is not None and run.owner is None:
            self._shelf.bells = {}
        try:
            return await super().post_request(request)
        finally:
            self._shelf.bells = bells


class ForgetsTheBell(MemoryStore):
    """Wakes those who wait, and not those who come a moment later."""

    async def post_request(self, request: Request) -> Request:
        posted = await super().post_request(request)
        for bell in self._shelf.bells.values():
            bell.mute()
        return posted


class TakesAPageForAll(MemoryStore):
    """Is quiet after a page, whatever is behind it."""

    async def take_requests(self, owner: str, **options: Any) -> Sequence[Request]:
        found = await super().take_requests(owner, **options)
        if owner in self._shelf.bells and options.get("run_ids") is None:
            self._shelf.bells[owner].mute()
        return found


class TakesSomeForAll(MemoryStore):
    """Is quiet after the requests for some runs were taken."""

    async def take_requests(self, owner: str, **options: Any) -> Sequence[Request]:
        if owner in self._shelf.bells and options.get("run_ids") is not None:
            self._shelf.bells[owner].mute()
        return await super().take_requests(owner, **options)


class NeverSleeps(MemoryStore):
    async def wait_requests(self, owner: str) -> None:
        await trio.lowlevel.checkpoint()
        if owner not in self._shelf.bells:
            raise StoreError("s", "not open")


class WaitsForAnybody(MemoryStore):
    async def wait_requests(self, owner: str) -> None:
        if owner in self._shelf.bells:
            await super().wait_requests(owner)


# ---------------------------------------------------------------- owners
class LeavesClaimsBehind(MemoryStore):
    @asynccontextmanager
    async def _open_owner(self, owner: str) -> AsyncGenerator[None, None]:
        async with super()._open_owner(owner):
            yield
            held = {run_id for run_id, run in self._shelf.journals.items() if run.owner == owner}
            for run_id in held:
                self._shelf.journals[run_id].owner = f"{owner}."


class TakesAllAlong(MemoryStore):
    """An owner that leaves frees what others hold, too."""

    @asynccontextmanager
    async def _open_owner(self, owner: str) -> AsyncGenerator[None, None]:
        async with super()._open_owner(owner):
            yield
        for run in self._shelf.journals.values():
            run.owner = None


class FreesWhatWasTakenOver(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self._claimed: list[tuple[str, str]] = []

    async def append(self, appends: Sequence[Append]) -> Results:
        self._claimed += [(one.run_id, one.owner) for one in appends if one.header and one.owner]
        return await super().append(appends)

    @asynccontextmanager
    async def _open_owner(self, owner: str) -> AsyncGenerator[None, None]:
        async with super()._open_owner(owner):
            yield
        for run_id, claimant in self._claimed:
            if claimant == owner and "another" not in run_id:
                self._shelf.journals[run_id].owner = None


# ---------------------------------------------------------------- finding
class Finds(MemoryStore):
    """Changes what is found."""

    def find(self, runs: Sequence[StoredRun]) -> Sequence[StoredRun]:
        return runs

    async def list_claimable(self, **options: Any) -> Sequence[StoredRun]:
        return self.find(await super().list_claimable(**options))


class FindsTheRunningOnly(Finds):
    def find(self, runs: Sequence[StoredRun]) -> Sequence[StoredRun]:
        return [run for run in runs if run.status in ("pending", "running")]


class KeepsDueTimes(MemoryStore):
    async def append(self, appends: Sequence[Append]) -> Results:
        known = {run_id: run.due_at for run_id, run in self._shelf.journals.items()}
        return await super().append(
            [
                attrs.evolve(one, due_at=one.due_at or known.get(one.run_id))
                if not one.run_id.endswith("b")
                else one
                for one in appends
            ]
        )


class FindsTheHeld(MemoryStore):
    async def list_claimable(self, *, limit: int = 100, **options: Any) -> Sequence[StoredRun]:
        owners = {run_id: run.owner for run_id, run in self._shelf.journals.items()}
        for run in self._shelf.journals.values():
            run.owner = None
        try:
            return await super().list_claimable(limit=limit, **options)
        finally:
            for run_id, owner in owners.items():
                self._shelf.journals[run_id].owner = owner


class FindsTheUnclaimedOnly(Finds):
    """Not those whose claim has expired."""

    def find(self, runs: Sequence[StoredRun]) -> Sequence[StoredRun]:
        return [run for run in runs if run.owner is None]


class FindsTheNewestFirst(Finds):
    def find(self, runs: Sequence[StoredRun]) -> Sequence[StoredRun]:
        return runs[::-1]


# ---------------------------------------------------------------- listing
class TakesAnyTag(MemoryStore):
    async def list_runs(self, *, tags: Collection[str] = (), **asked: Any) -> Sequence[StoredRun]:
        found = await super().list_runs(**asked)
        return [run for run in found if not tags or set(tags) & set(run.header.tags)]


class IncludesTheEnd(MemoryStore):
    async def list_runs(self, *, before: float | None = None, **asked: Any) -> Sequence[StoredRun]:
        return await super().list_runs(before=None if before is None else before + 1e-6, **asked)


class PagesByTimeAlone(MemoryStore):
    async def list_runs(
        self, *, cursor: str | None = None, limit: int | None = None, **asked: Any
    ) -> Sequence[StoredRun]:
        if cursor is None:
            return await super().list_runs(limit=limit, **asked)
        found = await super().list_runs(cursor=cursor, **asked)
        then = float(cursor.partition(":")[0])
        return [run for run in found if run.header.created_at < then][:limit]


class CountsAPage(MemoryStore):
    async def count_runs(self, **asked: Any) -> int:
        return len(await self.list_runs(limit=3, **asked))


class PrunesTheHeld(MemoryStore):
    async def prune(self, before: float, status: Collection[RunStatus] | None = None) -> int:
        for run in self._shelf.journals.values():
            run.claimed_until = 0.0
        return await super().prune(before, status)


class AppendsWithoutAClaim(MemoryStore):
    """Has a fence for owners only."""

    async def append(self, appends: Sequence[Append]) -> Results:
        known = {run_id: run.owner for run_id, run in self._shelf.journals.items()}
        return await super().append(
            [
                attrs.evolve(one, owner=known.get(one.run_id))
                if one.owner is None and one.header is None
                else one
                for one in appends
            ]
        )


# ---------------------------------------------------------------- reading only
class ReadsACopy(MemoryStore):
    def read_only(self) -> Store:
        reader = MemoryStore().read_only()
        for run_id, run in self._shelf.journals.items():
            copy = attrs.evolve(run, entries=list(run.entries))
            reader._shelf.journals[run_id] = copy  # type: ignore[attr-defined]
        return reader


class ReadsAndWrites(MemoryStore):
    def read_only(self) -> Store:
        return self


COME_BACK = "take_requests() returns requests as they were posted, in order"
OWN = "take_requests() returns the requests for the owner's runs"
REMOVED = "a request is removed by the append that records it"
FINISHED_HAVE_NONE = "a finished or deleted run has no requests"
LIMITED = "requests are limited in size and number"
WAKES = "a request wakes a waiting owner"
LEAVES = "an owner that exits releases its claims"
HAS_WORK = "list_claimable() finds runs that have work to do"
FREE = "list_claimable() finds only runs that are free"

FAULTS: dict[type[MemoryStore], str] = {
    ForgetsWhoAsked: COME_BACK,
    UpdatesTheRun: COME_BACK,
    TakesAway: COME_BACK,
    TakesTheNewestFirst: COME_BACK,
    TakesForAnybody: OWN,
    TakesNoneForAll: OWN,
    BeginsPagesTooEarly: OWN,
    CountsForEachRunFromTheEnd: REMOVED,
    RemovesWhatIsRefused: REMOVED,
    RemovesOfAnyRun: REMOVED,
    RemovesAllThatIsPending: REMOVED,
    RemovesOnlyWithEntries: REMOVED,
    KeepsThemForTheFinished: FINISHED_HAVE_NONE,
    KeepsThemForTheNextOfThatId: FINISHED_HAVE_NONE,
    PostsToTheFinished: FINISHED_HAVE_NONE,
    TakesAnyLength: LIMITED,
    TakesAnyNumber: LIMITED,
    WakesNobody: WAKES,
    WakesOwnersOnly: WAKES,
    ForgetsTheBell: WAKES,
    TakesAPageForAll: WAKES,
    TakesSomeForAll: WAKES,
    NeverSleeps: WAKES,
    WaitsForAnybody: "wait_requests() can be canceled and needs an open owner",
    LeavesClaimsBehind: LEAVES,
    TakesAllAlong: LEAVES,
    FreesWhatWasTakenOver: "an owner that exits does not affect other claims",
    FindsTheRunningOnly: HAS_WORK,
    KeepsDueTimes: HAS_WORK,
    FindsTheHeld: FREE,
    FindsTheUnclaimedOnly: FREE,
    FindsTheNewestFirst: "list_claimable() returns the oldest runs first, in pages",
    TakesAnyTag: "list_runs() filters by time and tags",
    IncludesTheEnd: "list_runs() filters by time and tags",
    PagesByTimeAlone: "the pages of list_runs() are contiguous",
    CountsAPage: "list_runs() returns the runs that match all criteria",
    PrunesTheHeld: "prune() deletes runs with a given status unless they are claimed",
    AppendsWithoutAClaim: "append() without an owner is refused if the run is claimed",
    ReadsACopy: "a read_only() store reads the storage",
    ReadsAndWrites: "a read_only() store writes nothing",
}
"""What is wrong, and which promise that breaks."""


@pytest.mark.parametrize(
    ("store", "promise"), FAULTS.items(), ids=[store.__name__ for store in FAULTS]
)
async def test_check_store_names_the_promise_that_is_broken(
    store: type[MemoryStore], promise: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is wrong with these stores is wrong however long one waits.
    monkeypatch.setattr(requesting, "SOON", 0.3)
    monkeypatch.setattr(requesting, "QUIET", 0.05)
    monkeypatch.setattr(queueing, "QUIET", 0.05)
    monkeypatch.setattr(claiming, "SHORT", 0.05)
    shared = store()

    with pytest.raises(StoreContractError) as caught:
        await check_store(lambda: shared)

    assert caught.value.promise == promise, caught.value.problem


def test_every_promise_about_requests_and_owners_can_be_broken() -> None:
    promises = {
        promise.text
        for module in (requesting, owning, finding, reading_only)
        for promise in module.PROMISES
    }

    assert promises - set(FAULTS.values()) == {
        "stores on the same storage agree on which owners are alive"
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "store",
    [TakesAway, TakesForAnybody, RemovesWhatIsRefused, FindsTheHeld],
)
def test_the_machine_finds_faults_by_chance(store: type[MemoryStore]) -> None:
    with pytest.raises(AssertionError):
        drive_by_chance(store)
