"""The memory store, and that check_store names what is wrong with stores that are broken.

Each store here has one fault of the kind that is easy to make. It is not told what to look
for: the first promise that check_store finds broken has to be the one that the fault breaks.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from tests.chance import drive_by_chance
from trioflow.abc import Append, Entry, RunHeader, Store, StoredRun
from trioflow.errors import JournalConflictError
from trioflow.events import RunStatus
from trioflow.stores import MemoryStore
from trioflow.testing import StoreContractError, check_store
from trioflow.testing._stores import PROMISES, claiming, queueing, requesting

Results = Sequence[JournalConflictError | None]
Statuses = Collection[RunStatus] | None


@pytest.fixture
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let check_store wait for less long: a store in memory is not slow."""
    monkeypatch.setattr(requesting, "QUIET", 0.05)
    monkeypatch.setattr(queueing, "QUIET", 0.05)
    monkeypatch.setattr(claiming, "SHORT", 0.05)


async def test_the_memory_store_keeps_all_promises() -> None:
    await check_store(MemoryStore, persistent=False)


@pytest.mark.usefixtures("short_waits")
async def test_a_memory_store_that_is_shared_is_as_good_as_a_persistent_one() -> None:
    store = MemoryStore()

    await check_store(lambda: store)


@pytest.mark.usefixtures("short_waits")
async def test_check_store_leaves_other_runs_alone() -> None:
    store = MemoryStore()
    header = RunHeader(run_id="r", workflow_id="w", created_at=2e9, format=1, fingerprint="{}")
    append = Append(run_id="r", entries=(Entry(0, 2e9, "{}"),), after=-1, status="success")
    await store.append([attrs.evolve(append, header=header)])

    await check_store(lambda: store)

    assert [run.header for run in await store.list_runs()] == [header]
    assert [entry.seq for entry in await store.read("r")] == [0]


async def test_claims_in_memory_expire_in_virtual_time(mock_clock: MockClock) -> None:
    store = MemoryStore()
    header = RunHeader(run_id="r", workflow_id="w", created_at=0.0, format=1, fingerprint="{}")
    await store.append([Append(run_id="r", entries=(), after=-1, status="running", header=header)])

    assert await store.claim("r", "me", 30.0)
    mock_clock.jump(29.9)
    assert not await store.claim("r", "you", 30.0)
    mock_clock.jump(0.2)
    assert await store.claim("r", "you", 30.0)


def test_the_clock_of_a_memory_store_does_not_go_back_in_the_next_run_of_trio() -> None:
    store = MemoryStore()
    header = RunHeader(run_id="r", workflow_id="w", created_at=0.0, format=1, fingerprint="{}")
    append = Append(run_id="r", entries=(), after=-1, status="running", header=header)

    async def claim_in_the_far_future() -> None:
        await store.append([append])
        await trio.sleep(80_000)
        assert await store.claim("r", "me", 10.0)

    async def claim_later() -> tuple[bool, bool]:
        early = await store.claim("r", "you", 10.0)
        await trio.sleep(11)
        return early, await store.claim("r", "you", 10.0)

    trio.run(claim_in_the_far_future, clock=MockClock(autojump_threshold=0))

    assert trio.run(claim_later, clock=MockClock(autojump_threshold=0)) == (False, True)


# ---------------------------------------------------------------- stores with a fault
class IgnoresAfter(MemoryStore):
    async def append(self, appends: Sequence[Append]) -> Results:
        return [await self._append_anywhere(append) for append in appends]

    async def _append_anywhere(self, append: Append) -> JournalConflictError | None:
        run = await self.get(append.run_id)
        if run is not None and append.header is None:
            append = attrs.evolve(append, after=run.last_seq)
        [result] = await super().append([append])
        return result


class AllOrNothing(MemoryStore):
    """Takes one transaction for a call, and rolls it back if any append is refused."""

    async def append(self, appends: Sequence[Append]) -> Results:
        before = {run_id: attrs.evolve(run) for run_id, run in self._shelf.journals.items()}
        for run in before.values():
            run.entries = list(run.entries)
        results = await super().append(appends)
        if any(results) and len(appends) > 1:
            self._shelf.journals = before
        return results


class StopsAtAConflict(MemoryStore):
    async def append(self, appends: Sequence[Append]) -> Results:
        results: list[JournalConflictError | None] = []
        for append in appends:
            results += await super().append([append])
            if results[-1] is not None:
                break
        return results


class RaisesConflicts(MemoryStore):
    async def append(self, appends: Sequence[Append]) -> Results:
        results = await super().append(appends)
        for result in filter(None, results):
            raise result
        return results


class AppendsOneByOne(MemoryStore):
    """Refuses entries that do not ascend only when it gets to them."""

    async def append(self, appends: Sequence[Append]) -> Results:
        results: list[JournalConflictError | None] = []
        for append in appends:
            parts = [attrs.evolve(append, entries=append.entries[:1])]
            for before, entry in zip(append.entries, append.entries[1:], strict=False):
                parts.append(
                    attrs.evolve(
                        append, entries=(entry,), after=before.seq, header=None, owner=None
                    )
                )
            for part in parts:
                [result] = await super().append([part])
                if result is not None:
                    break
            results.append(result)
        return results


class LooksBeforeItLocks(MemoryStore):
    """Promises by what it has read, and writes later."""

    async def append(self, appends: Sequence[Append]) -> Results:
        if len(appends) != 1:
            return await super().append(appends)
        [append] = appends
        run = await self.get(append.run_id)
        conflict = append.conflict(run.last_seq if run else None, run.owner if run else None)
        await trio.lowlevel.checkpoint()
        if conflict is None:
            await super().append(appends)
        return [conflict]


class MilliSeconds(MemoryStore):
    async def read(self, run_id: str, after: int = -1, limit: int = 1000) -> Sequence[Entry]:
        found = await super().read(run_id, after, limit)
        return [attrs.evolve(entry, at=round(entry.at, 3)) for entry in found]


class CaseFolding(MemoryStore):
    """A collation that does not tell ``a`` from ``A``."""

    async def append(self, appends: Sequence[Append]) -> Results:
        return await super().append(
            [attrs.evolve(append, run_id=append.run_id.lower()) for append in appends]
        )

    async def read(self, run_id: str, after: int = -1, limit: int = 1000) -> Sequence[Entry]:
        return await super().read(run_id.lower(), after, limit)

    async def get(self, run_id: str) -> StoredRun | None:
        return await super().get(run_id.lower())


class Refuses(MemoryStore):
    """Raises for what its database cannot hold, as the driver does."""

    async def append(self, appends: Sequence[Append]) -> Results:
        for append in appends:
            append.run_id.encode()
            for entry in append.entries:
                entry.text.encode()
        return await super().append(appends)


class BeginsPagesTooEarly(MemoryStore):
    async def read(self, run_id: str, after: int = -1, limit: int = 1000) -> Sequence[Entry]:
        return await super().read(run_id, after - 1 if after > 5 else after, limit)


class RaisesForTheUnknown(MemoryStore):
    async def read(self, run_id: str, after: int = -1, limit: int = 1000) -> Sequence[Entry]:
        if await self.get(run_id) is None:
            raise KeyError(run_id)
        return await super().read(run_id, after, limit)


class ShowsClaimsAsUpdates(MemoryStore):
    async def get(self, run_id: str) -> StoredRun | None:
        run = await super().get(run_id)
        touched = self._shelf.journals[run_id].owner or self._touched.get(run_id) if run else None
        if run is not None and touched:
            self._touched[run_id] = touched
            return attrs.evolve(run, updated_at=run.updated_at + 1)
        return run

    def __init__(self) -> None:
        super().__init__()
        self._touched: dict[str, str] = {}

    async def release(self, run_id: str, owner: str) -> None:
        if run_id in self._shelf.journals:
            self._touched[run_id] = owner
        await super().release(run_id, owner)


class Lists(MemoryStore):
    """Changes what is asked for, or what is found."""

    def ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        return asked

    def find(self, runs: Sequence[StoredRun]) -> Sequence[StoredRun]:
        return runs

    async def list_runs(self, *, limit: int | None = None, **asked: Any) -> Sequence[StoredRun]:
        found = self.find(await super().list_runs(**self.ask(asked)))
        return found[:limit]


class ListsOldestFirst(Lists):
    def find(self, runs: Sequence[StoredRun]) -> Sequence[StoredRun]:
        return runs[::-1]


class ListsByUpdate(Lists):
    def find(self, runs: Sequence[StoredRun]) -> Sequence[StoredRun]:
        return sorted(runs, key=lambda run: (run.updated_at, run.header.run_id), reverse=True)


class TakesNoStatusForAll(Lists):
    def ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        return asked | {"status": asked.get("status") or None}


class ForgetsTheResource(Lists):
    def ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        return asked | {"resource_id": None}


class GivesToAnybody(MemoryStore):
    async def claim(self, run_id: str, owner: str, seconds: float) -> bool:
        if run_id in self._shelf.journals:
            self._shelf.journals[run_id].owner = None
        return await super().claim(run_id, owner, seconds)


class TakesSecondsForMinutes(MemoryStore):
    async def claim(self, run_id: str, owner: str, seconds: float) -> bool:
        return await super().claim(run_id, owner, seconds * 60)


class TakesSecondsForMilliseconds(MemoryStore):
    async def claim(self, run_id: str, owner: str, seconds: float) -> bool:
        return await super().claim(run_id, owner, seconds / 1000)


class ReleasesForAnybody(MemoryStore):
    async def release(self, run_id: str, owner: str) -> None:
        run = await self.get(run_id)
        await super().release(run_id, run.owner if run and run.owner else owner)


class LooksBeforeItClaims(MemoryStore):
    """Promises by what it has read, and writes later."""

    async def claim(self, run_id: str, owner: str, seconds: float) -> bool:
        run = await self.get(run_id)
        await trio.lowlevel.checkpoint()
        claimed = await super().claim(run_id, owner, seconds)
        return claimed or (run is not None and run.owner is None)


class RenewsTheFresh(MemoryStore):
    """Leaves out the claims that have expired, though nobody has taken them."""

    async def renew(self, owner: str, seconds: float) -> set[str]:
        now = self._shelf.now()
        fresh = {
            run_id
            for run_id, run in self._shelf.journals.items()
            if run.owner == owner and (run.claimed_until or 0.0) > now
        }
        return {run_id for run_id in fresh if await self.claim(run_id, owner, seconds)}


class RenewsTheClaimsOfAll(MemoryStore):
    async def renew(self, owner: str, seconds: float) -> set[str]:
        for other in {run.owner for run in self._shelf.journals.values() if run.owner}:
            await super().renew(other, seconds)
        return await super().renew(owner, seconds)


class BeginsUnclaimed(MemoryStore):
    async def append(self, appends: Sequence[Append]) -> Results:
        return await super().append(
            [attrs.evolve(append, owner=None) if append.header else append for append in appends]
        )


class HasNoFence(MemoryStore):
    async def append(self, appends: Sequence[Append]) -> Results:
        return await super().append(
            [append if append.header else attrs.evolve(append, owner=None) for append in appends]
        )


class OnlyHidesTheDeleted(MemoryStore):
    def __init__(self) -> None:
        super().__init__()
        self._deleted: set[str] = set()

    async def delete(self, run_id: str) -> bool:
        there = await super().get(run_id) is not None and run_id not in self._deleted
        self._deleted.add(run_id)
        return there

    async def get(self, run_id: str) -> StoredRun | None:
        return None if run_id in self._deleted else await super().get(run_id)

    async def read(self, run_id: str, after: int = -1, limit: int = 1000) -> Sequence[Entry]:
        return [] if run_id in self._deleted else await super().read(run_id, after, limit)


class PrunesByAge(MemoryStore):
    """Whatever the status."""

    async def prune(self, before: float, status: Statuses = None) -> int:
        old = [id for id, run in self._shelf.journals.items() if run.updated_at < before]
        return sum([await self.delete(run_id) for run_id in old])


class PrunesWithTheLimit(MemoryStore):
    async def prune(self, before: float, status: Statuses = None) -> int:
        return await super().prune(before + 1e-6, status)


class IsNoCheckpoint(MemoryStore):
    async def get(self, run_id: str) -> StoredRun | None:
        journal = self._shelf.journals.get(run_id)
        return journal.describe(self._shelf.now()) if journal else None


class CanBeCutInHalf(MemoryStore):
    """Adds the entries of an append that fits one by one, with a checkpoint between."""

    async def append(self, appends: Sequence[Append]) -> Results:
        results = await super().append([])
        for append in appends:
            results = [*results, await self._add_slowly(append)]
        return results

    async def _add_slowly(self, append: Append) -> JournalConflictError | None:
        run = self._shelf.journals.get(append.run_id)
        if append.header is not None or run is None or len(append.entries) < 20:
            return self._shelf.append(append)
        for entry in append.entries:
            run.entries.append(entry)
            await trio.lowlevel.checkpoint()
        return None


class Forgets(MemoryStore):
    """Each is empty, though it is said to be persistent."""


FAULTS: dict[type[Store], str] = {
    IgnoresAfter: "append() continues a journal only after its last entry",
    AppendsOneByOne: "append() refuses all entries if they do not ascend",
    AllOrNothing: "a refused append does not affect the others",
    StopsAtAConflict: "a refused append does not affect the others",
    Refuses: "a refused append does not affect the others",
    RaisesConflicts: "append() continues a journal only after its last entry",
    LooksBeforeItLocks: "exactly one of several conflicting concurrent appends wins",
    MilliSeconds: "times and strings are kept exactly",
    CaseFolding: "ids that are spelled differently are different",
    BeginsPagesTooEarly: "the pages of read() are contiguous",
    RaisesForTheUnknown: "append() creates a run once, with its header",
    ListsOldestFirst: "list_runs() returns the newest runs first, up to the limit",
    ListsByUpdate: "list_runs() returns the newest runs first, up to the limit",
    TakesNoStatusForAll: "list_runs() returns the runs that match all criteria",
    ForgetsTheResource: "list_runs() returns the runs that match all criteria",
    GivesToAnybody: "claim() gives a run to one owner at a time",
    ReleasesForAnybody: "claim() gives a run to one owner at a time",
    TakesSecondsForMinutes: "a claim holds for its time, and no longer",
    TakesSecondsForMilliseconds: "a claim holds for its time, and no longer",
    LooksBeforeItClaims: "exactly one of several concurrent claims wins",
    RenewsTheFresh: "renew() renews the claims of one owner",
    RenewsTheClaimsOfAll: "renew() renews the claims of one owner",
    ShowsClaimsAsUpdates: "claims do not change the journal",
    BeginsUnclaimed: "append() can create a claimed run",
    HasNoFence: "append() refuses an owner that has lost its claim",
    OnlyHidesTheDeleted: "delete() removes everything of a run",
    PrunesByAge: "prune() deletes only finished runs that are old",
    PrunesWithTheLimit: "prune() deletes only finished runs that are old",
    IsNoCheckpoint: "every method is a checkpoint",
    CanBeCutInHalf: "cancellation leaves no append half applied",
}
"""What is wrong, and which promise that breaks."""


@pytest.mark.parametrize(
    ("store", "promise"),
    [
        # A claim that does not end is waited for.
        pytest.param(*item, marks=[pytest.mark.slow] if item[0] is TakesSecondsForMinutes else [])
        for item in FAULTS.items()
    ],
    ids=[store.__name__ for store in FAULTS],
)
@pytest.mark.usefixtures("short_waits")
async def test_check_store_names_the_promise_that_is_broken(
    store: Callable[[], Store], promise: str
) -> None:
    with pytest.raises(StoreContractError) as caught:
        await check_store(store, persistent=False)

    assert caught.value.promise == promise
    assert caught.value.problem
    assert str(caught.value).startswith(promise)


async def test_check_store_notices_that_nothing_lasts() -> None:
    with pytest.raises(StoreContractError, match=r"opened on the same storage: .*persistent=False"):
        await check_store(Forgets)


async def test_the_error_of_a_store_is_the_cause() -> None:
    with pytest.raises(StoreContractError, match="KeyError") as caught:
        await check_store(RaisesForTheUnknown, persistent=False)

    assert isinstance(caught.value.__cause__, KeyError)


def test_promises_are_told_apart() -> None:
    texts = [promise.text for promise in PROMISES]

    assert len(set(texts)) == len(texts)
    assert set(FAULTS.values()) <= set(texts)


@pytest.mark.slow
@pytest.mark.parametrize(
    "store",
    [IgnoresAfter, TakesNoStatusForAll, GivesToAnybody, HasNoFence, OnlyHidesTheDeleted],
)
def test_the_machine_finds_faults_by_chance(store: Callable[[], Store]) -> None:
    with pytest.raises(AssertionError):
        drive_by_chance(store)
