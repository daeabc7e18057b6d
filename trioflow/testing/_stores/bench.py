"""The bench on which a store is tested: helpers for the checks, and their error."""

from __future__ import annotations

import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import attrs

from trioflow.abc import Append, Entry, Request, RequestKind, RunHeader, Store, StoredRun
from trioflow.errors import JournalConflictError, TrioflowError
from trioflow.events import RunStatus

LONG_AGO = 1000.0
"""The time of all runs of a check: early in 1970, where no real run is."""


@attrs.define(eq=False)
class StoreContractError(AssertionError):
    """Raised when a store breaks the contract of stores."""

    promise: str
    """What the store should do."""
    problem: str
    """What the store does instead."""

    def __str__(self) -> str:
        return f"{self.promise}: {self.problem}"


@attrs.frozen
class Promise:
    """One promise of the contract, and its check."""

    text: str
    check: Callable[[Bench], Awaitable[None]]
    """Raises AssertionError if the promise does not hold."""
    persistent: bool = False
    """Whether the promise applies only to stores whose storage outlives them."""


@attrs.define
class Bench:
    """The store under test, and the runs that the check has stored in it."""

    store: Store
    _open_store: Callable[[], AbstractAsyncContextManager[Store]] | None
    mark: str = attrs.field(factory=lambda: f"check-{uuid.uuid4().hex}-")
    """Prefix of the ids of this check."""
    _used: set[str] = attrs.field(factory=set)

    @asynccontextmanager
    async def another_store(self) -> AsyncGenerator[Store, None]:
        """Open another store on the same storage, or yield the same store if not persistent."""
        if self._open_store is None:
            yield self.store
        else:
            async with self._open_store() as store:
                yield store

    def id(self, name: str) -> str:
        """Return a run id that is unique to this check."""
        self._used.add(self.mark + name)
        return self.mark + name

    def header(self, name: str, **fields: Any) -> RunHeader:
        """Return the header of a run of this check."""
        defaults: dict[str, Any] = {
            "run_id": self.id(name),
            "workflow_id": f"{self.mark}workflow",
            "created_at": LONG_AGO,
            "format": 1,
            "fingerprint": "{}",
        }
        return RunHeader(**defaults | fields)

    def first(self, name: str, *seqs: int, **fields: Any) -> Append:
        """Return the append that creates a run."""
        return self.following(name, -1, *seqs, header=self.header(name), **fields)

    def following(
        self, name: str, after: int, *seqs: int, status: RunStatus = "running", **fields: Any
    ) -> Append:
        """Return an append that continues a run."""
        entries = tuple(map(entry, seqs))
        return Append(run_id=self.id(name), entries=entries, after=after, status=status, **fields)

    async def do(self, *appends: Append) -> None:
        """Append, and check that it succeeds."""
        results = await self.store.append(appends)
        expect(list(results), [None] * len(appends), "results of valid appends")

    async def refuse(self, append: Append, why: str) -> None:
        """Append, and check that it is refused and changes nothing."""
        before = await self.journal(append.run_id)
        results = await self.store.append([append])
        expect(len(results), 1, "number of results of one append")
        expect_conflict(results[0], append, why)
        expect(await self.journal(append.run_id), before, f"journal after an append {why}")

    async def claimed(self, *names: str) -> str:
        """Create claimed runs, and return their owner."""
        owner = f"{self.mark}me"
        for name in names:
            await self.do(self.first(name, 0, owner=owner, claim_seconds=60.0))
        return owner

    @asynccontextmanager
    async def owner(self, name: str) -> AsyncGenerator[str, None]:
        """Open an owner with a unique id."""
        owner = f"{self.mark}{name}-{uuid.uuid4().hex}"
        async with self.store.open_owner(owner):
            yield owner

    def request(self, name: str, kind: RequestKind = "event", **fields: Any) -> Request:
        """Return a request for a run of this check."""
        return Request(run_id=self.id(name), kind=kind, **{"at": LONG_AGO, **fields})

    async def post(self, name: str, **fields: Any) -> Request:
        """Post a request, and check that it is returned."""
        request = self.request(name, **fields)
        posted = await self.store.post_request(request)
        expect(attrs.evolve(posted, id=0), request, "request returned by post_request()")
        return posted

    async def refuse_request(self, name: str, error: type[TrioflowError], **fields: Any) -> None:
        """Post a request, and check that it is refused."""
        try:
            await self.store.post_request(self.request(name, **fields))
        except error:
            return
        raise AssertionError(f"post_request() does not raise {error.__name__} for run {name!r}")

    async def take(self, owner: str, **options: Any) -> list[Request]:
        """Return the requests that an owner takes."""
        return list(await self.store.take_requests(owner, **options))

    async def journal(self, run_id: str) -> tuple[StoredRun | None, list[Entry]]:
        """Return everything that is stored of a run."""
        return await self.store.get(run_id), list(await self.store.read(run_id))

    async def stored(self, name: str) -> StoredRun:
        """Return a stored run, and check that it exists."""
        run = await self.store.get(self.id(name))
        if run is None:
            raise AssertionError(f"get() does not find run {self.id(name)!r}, which was appended")
        return run

    async def seqs(self, name: str) -> list[int]:
        """Return the ``seq`` of each stored entry of a run."""
        return [entry.seq for entry in await self.store.read(self.id(name))]

    async def clean_up(self) -> None:
        """Delete all runs of this check."""
        for run_id in self._used:
            await self.store.delete(run_id)


def entry(seq: int) -> Entry:
    """Return an entry with unique contents."""
    return Entry(seq, LONG_AGO + seq, f'{{"seq":{seq}}}')


def expect(found: Any, wanted: Any, what: str) -> None:
    """Check that *found* equals *wanted*."""
    if found != wanted:
        raise AssertionError(f"{what}: expected {shortened(wanted)}, got {shortened(found)}")


def expect_conflict(result: object, append: Append, why: str) -> None:
    """Check that an append was refused, and that the error names its run."""
    if not isinstance(result, JournalConflictError):
        raise AssertionError(f"append {why}: expected a JournalConflictError, got {result!r}")
    expect(result.run_id, append.run_id, f"run_id of the conflict for an append {why}")


def shortened(value: object) -> str:
    """Return the ``repr`` of a value, without the middle if it is long."""
    text = repr(value)
    return text if len(text) <= 400 else f"{text[:200]} ... {text[-200:]}"
