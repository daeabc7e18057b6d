"""Where a store is tried: what the checks need, and how they say what is wrong."""

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
"""When everything here happens: early in 1970, where no real run is."""


@attrs.define(eq=False)
class StoreContractError(AssertionError):
    """Raised when a store does not do what stores promise."""

    promise: str
    """What it should do."""
    problem: str
    """What it does."""

    def __str__(self) -> str:
        return f"{self.promise}: {self.problem}"


@attrs.frozen
class Promise:
    """Something that stores promise."""

    text: str
    check: Callable[[Bench], Awaitable[None]]
    """Raises AssertionError if it does not hold."""
    persistent: bool = False
    """Whether only those can promise it whose storage outlives them."""


@attrs.define
class Bench:
    """A store that is tried, and what has been put there."""

    store: Store
    _open_store: Callable[[], AbstractAsyncContextManager[Store]] | None
    mark: str = attrs.field(factory=lambda: f"check-{uuid.uuid4().hex}-")
    """What the ids of this check begin with."""
    _used: set[str] = attrs.field(factory=set)

    @asynccontextmanager
    async def another_store(self) -> AsyncGenerator[Store, None]:
        """Open another store on the same storage; of one that is not persistent, give itself."""
        if self._open_store is None:
            yield self.store
        else:
            async with self._open_store() as store:
                yield store

    def id(self, name: str) -> str:
        """Return a run id that nobody else uses."""
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
        """Return the append that begins a run."""
        return self.following(name, -1, *seqs, header=self.header(name), **fields)

    def following(
        self, name: str, after: int, *seqs: int, status: RunStatus = "running", **fields: Any
    ) -> Append:
        """Return an append that goes on with a run."""
        entries = tuple(map(entry, seqs))
        return Append(run_id=self.id(name), entries=entries, after=after, status=status, **fields)

    async def do(self, *appends: Append) -> None:
        """Append, which must be done."""
        results = await self.store.append(appends)
        expect(list(results), [None] * len(appends), "results of appends that fit")

    async def refuse(self, append: Append, why: str) -> None:
        """Try to append, which must be refused and change nothing."""
        before = await self.journal(append.run_id)
        results = await self.store.append([append])
        expect(len(results), 1, "number of results of one append")
        expect_conflict(results[0], append, why)
        expect(await self.journal(append.run_id), before, f"journal after an append {why}")

    async def claimed(self, *names: str) -> str:
        """Begin runs that are claimed, and return their owner."""
        owner = f"{self.mark}me"
        for name in names:
            await self.do(self.first(name, 0, owner=owner, claim_seconds=60.0))
        return owner

    @asynccontextmanager
    async def owner(self, name: str) -> AsyncGenerator[str, None]:
        """Open an owner that nobody else is."""
        owner = f"{self.mark}{name}-{uuid.uuid4().hex}"
        async with self.store.open_owner(owner):
            yield owner

    def request(self, name: str, kind: RequestKind = "event", **fields: Any) -> Request:
        """Return a request for a run of this check."""
        return Request(run_id=self.id(name), kind=kind, **{"at": LONG_AGO, **fields})

    async def post(self, name: str, **fields: Any) -> Request:
        """Post a request, which must come back with an id."""
        request = self.request(name, **fields)
        posted = await self.store.post_request(request)
        expect(attrs.evolve(posted, id=0), request, "request that post_request() returns")
        return posted

    async def refuse_request(self, name: str, error: type[TrioflowError], **fields: Any) -> None:
        """Try to post a request, which must be refused."""
        try:
            await self.store.post_request(self.request(name, **fields))
        except error:
            return
        raise AssertionError(f"post_request() raises no {error.__name__} for run {name!r}")

    async def take(self, owner: str, **options: Any) -> list[Request]:
        """Take requests."""
        return list(await self.store.take_requests(owner, **options))

    async def journal(self, run_id: str) -> tuple[StoredRun | None, list[Entry]]:
        """Return all that is stored of a run."""
        return await self.store.get(run_id), list(await self.store.read(run_id))

    async def stored(self, name: str) -> StoredRun:
        """Return a run that must be there."""
        run = await self.store.get(self.id(name))
        if run is None:
            raise AssertionError(f"get() knows no run {self.id(name)!r}, which was appended to")
        return run

    async def seqs(self, name: str) -> list[int]:
        """Return the numbers of the entries that are stored."""
        return [entry.seq for entry in await self.store.read(self.id(name))]

    async def clean_up(self) -> None:
        """Remove what was put there."""
        for run_id in self._used:
            await self.store.delete(run_id)


def entry(seq: int) -> Entry:
    """Return an entry that differs from all others."""
    return Entry(seq, LONG_AGO + seq, f'{{"seq":{seq}}}')


def expect(found: Any, wanted: Any, what: str) -> None:
    """Check that what was found is what should be."""
    if found != wanted:
        raise AssertionError(f"{what}: {shortened(found)} instead of {shortened(wanted)}")


def expect_conflict(result: object, append: Append, why: str) -> None:
    """Check that an append was refused, and that the error is about it."""
    if not isinstance(result, JournalConflictError):
        raise AssertionError(f"an append {why} gives {result!r} instead of a JournalConflictError")
    expect(result.run_id, append.run_id, f"run_id of the conflict for an append {why}")


def shortened(value: object) -> str:
    """Return the text of a value, without the middle if it is long."""
    text = repr(value)
    return text if len(text) <= 400 else f"{text[:200]} ... {text[-200:]}"
