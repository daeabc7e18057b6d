"""What the two databases have in common, beyond the promises of all stores."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import trio
from trioflow_sql import SqlStore

from trioflow.abc import Append, Entry, RunHeader
from trioflow.errors import StoreError


def first(run_id: str, entries: int = 1, **fields: Any) -> Append:
    """Return the append that begins a run."""
    header = RunHeader(run_id=run_id, workflow_id="w", created_at=1.0, format=1, fingerprint="{}")
    some = tuple(Entry(seq, 1.0 + seq, "{}") for seq in range(entries))
    defaults: dict[str, Any] = {"status": "running", "header": header}
    return Append(run_id=run_id, entries=some, after=-1, **defaults | fields)


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.append([first("a")]),
        lambda store: store.get("a"),
        lambda store: store.prune(0.0),
    ],
)
async def test_a_store_that_is_not_open_says_so(url: str, call: Callable[[SqlStore], Any]) -> None:
    store = SqlStore(url)
    with pytest.raises(StoreError, match="is not open"):
        await call(store)
    async with store:
        await call(store)
    with pytest.raises(StoreError, match="is not open"):
        await call(store)


async def test_a_store_is_open_once_at_a_time(url: str) -> None:
    async with SqlStore(url) as store:
        with pytest.raises(StoreError, match="is already open"):
            await store.__aenter__()
        assert await store.get("a") is None
    async with store:
        assert await store.get("a") is None


async def test_one_call_may_be_about_very_many_runs(url: str) -> None:
    runs = [f"run {number}" for number in range(2_500)]
    async with SqlStore(url) as store:
        begun = await store.append([first(run_id, 0) for run_id in runs])
        followed = await store.append(
            [
                Append(run_id=run_id, entries=(Entry(0, 2.0, "{}"),), after=-1, status="success")
                for run_id in runs
            ]
        )

        assert not any(begun)
        assert not any(followed)
        assert len(await store.list_runs(status=["success"])) == len(runs)
        assert await store.prune(3.0) == len(runs)


TEXTS = ('"', "\\", '\\"', "a,b", "{}", "NULL", "", " x ", "a\nb\tc", "é☃😀", "'%s'", "$1")
"""What has a meaning of its own somewhere on the way to a database."""


@pytest.mark.parametrize("beside", [0, 1])
async def test_texts_come_back_as_they_were(url: str, beside: int) -> None:
    entries = tuple(Entry(seq, float(seq), text) for seq, text in enumerate(TEXTS, 1))
    ids = ["a", "b"][: 1 + beside]
    async with SqlStore(url) as store:
        await store.append([first(run_id) for run_id in ids])
        for part in (entries[:6], entries[6:]):  # few enough to be appended in the short way
            after = part[0].seq - 1
            appends = [
                Append(run_id=run_id, entries=part, after=after, status="running") for run_id in ids
            ]
            assert not any(await store.append(appends))

        for run_id in ids:
            assert tuple(await store.read(run_id, after=0)) == entries


async def test_reading_goes_on_while_a_write_takes_long(url: str) -> None:
    async with SqlStore(url) as store:
        await store.append([first("a")])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.append, [first("b", 20_000)])
            reads = 0
            while await store.get("b") is None:
                assert [entry.seq for entry in await store.read("a")] == [0]
                reads += 1

    assert reads > 1


async def test_a_cancellation_waits_for_what_has_begun(url: str) -> None:
    async with SqlStore(url) as store:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:

                @nursery.start_soon
                async def cancel() -> None:
                    while not store._access.writer.waiting:
                        await trio.lowlevel.checkpoint()
                    scope.cancel()

                results = await store.append([first("a", 1000)])
                await trio.lowlevel.checkpoint()

        assert scope.cancelled_caught
        assert results == [None]
        assert len(await store.read("a", limit=2000)) == 1000


async def test_leaving_waits_for_nobody_and_can_not_be_canceled_halfway(url: str) -> None:
    with trio.CancelScope() as scope:
        async with SqlStore(url) as store:
            await store.append([first("a")])
            scope.cancel()

    assert not store._access.is_open
    async with SqlStore(url) as store:
        assert await store.get("a") is not None


async def test_pruning_reports_what_others_have_left(url: str) -> None:
    old = [first(f"old {number}", status="failed") for number in range(170)]
    async with SqlStore(url) as store, SqlStore(url) as other:
        await store.append([*old, first("running")])
        counts: list[int] = []

        async def prune(store: SqlStore) -> None:
            counts.append(await store.prune(100.0))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(prune, store)
            nursery.start_soon(prune, other)

        assert sum(counts) == 170
        assert [run.header.run_id for run in await store.list_runs()] == ["running"]


async def test_no_thread_is_an_error_that_passes(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    async with SqlStore(url) as store:
        await store.append([first("a")])
        with monkeypatch.context() as patched:
            patched.setattr(threading.Thread, "start", fail)
            patched.setattr(trio._core._thread_cache.THREAD_CACHE, "_idle_workers", {})
            with pytest.raises(StoreError, match="cannot start a thread") as caught:
                await SqlStore(url).__aenter__()
            assert caught.value.transient
            with pytest.raises(StoreError, match="cannot start a thread") as caught:
                await store.get("a")
            assert caught.value.transient
            assert await store.append([first("b")]) == [None]  # its thread is there
        assert await store.get("b") is not None


async def test_what_a_thread_raises_is_not_taken_for_a_missing_one(url: str) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("a mistake")

    async with SqlStore(url) as store:
        for do in (store._access.read, store._access.write):
            with pytest.raises(RuntimeError, match="a mistake"):
                await do(fail)
