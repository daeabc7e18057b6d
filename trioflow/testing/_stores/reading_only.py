"""Promises about read-only stores."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from trioflow.abc import Store
from trioflow.errors import StoreError
from trioflow.testing._stores.bench import Bench, Promise, entry, expect


async def it_reads_what_is_there(bench: Bench) -> None:
    """Check that all reading methods return what the other store has."""
    me = await bench.claimed("a")
    await bench.post("a")
    wanted = await bench.stored("a")
    async with bench.store.read_only() as reader:
        expect(await reader.get(bench.id("a")), wanted, "run")
        expect(list(await reader.read(bench.id("a"))), [entry(0)], "entries")
        workflow = wanted.header.workflow_id
        expect(list(await reader.list_runs(workflow_id=workflow)), [wanted], "runs")
        expect(await reader.count_runs(workflow_id=workflow), 1, "number of runs")
        expect(list(await reader.take_requests(me)), await bench.take(me), "requests")
        await bench.do(bench.following("a", 0, 1, owner=me))
        expect(list(await reader.read(bench.id("a"))), [entry(0), entry(1)], "entries, later")


async def it_writes_nothing(bench: Bench) -> None:
    """Check that all writing methods raise, and that nothing is written."""
    me = await bench.claimed("a")
    before = await bench.journal(bench.id("a"))
    async with bench.store.read_only() as reader:
        for name, call in _writes(bench, reader, me).items():
            try:
                await call()
            except StoreError:
                continue
            raise AssertionError(f"{name}() of a read-only store does not raise StoreError")
    expect(await bench.journal(bench.id("a")), before, "journal after a reader has tried to write")


def _writes(bench: Bench, reader: Store, owner: str) -> dict[str, Callable[[], Awaitable[object]]]:
    run_id = bench.id("a")

    async def open_owner() -> None:
        async with reader.open_owner(f"{bench.mark}reader"):
            pass

    return {
        "append": lambda: reader.append([bench.following("a", 0, 1, owner=owner)]),
        "claim": lambda: reader.claim(run_id, owner, 60),
        "renew": lambda: reader.renew(owner, 60),
        "release": lambda: reader.release(run_id, owner),
        "delete": lambda: reader.delete(run_id),
        "prune": lambda: reader.prune(0.0),
        "post_request": lambda: reader.post_request(bench.request("a")),
        "open_owner": open_owner,
    }


PROMISES = (
    Promise("a read_only() store reads the storage", it_reads_what_is_there),
    Promise("a read_only() store writes nothing", it_writes_nothing),
)
