"""Checks that a value store fulfills the contract of `trioflow.abc.ValueStore`."""

from __future__ import annotations

import pickle
import time
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import attrs
import trio

from trioflow.abc import ValueStore
from trioflow.testing._stores.bench import StoreContractError, expect

DAY = 86_400.0
"""How far the clock of the storage may be from ours: zones and units are told apart by it."""
LARGE = bytes(range(256)) * 40_000


@attrs.frozen
class Bench:
    """The value store under test, another one on the same storage, and a place in both."""

    store: ValueStore
    other: ValueStore
    place: str = attrs.field(factory=lambda: f"values/check-{uuid.uuid4().hex}/")

    async def write(self, key: str, content: bytes) -> str:
        """Write an object in this check's place, and return its whole key."""
        await self.store.write(self.place + key, content)
        return self.place + key

    async def listed(self, key: str = "") -> dict[str, int]:
        """Return the size of each listed object whose key begins with *key*, by the whole key."""
        found = await self.store.list_values(self.place + key)
        return {each.key: each.size for each in found}

    async def clean_up(self) -> None:
        """Delete all objects of this check."""
        for each in await self.store.list_values(self.place):
            await self.store.delete(each.key)


async def bytes_are_kept(bench: Bench) -> None:
    for content in (b"", b"\0\xff\r\n", LARGE, b"short again"):
        key = await bench.write("=4F/1", content)
        found = await bench.store.read(key)
        expect(type(found), bytes, f"type of an object of {len(content):,} bytes that is read")
        expect(found == content, True, f"whether {len(content):,} bytes are read as written")


async def absence_is_no_error(bench: Bench) -> None:
    key = bench.place + "a/b"
    expect(await bench.store.read(key), None, "read() of a key that was never written")
    expect(await bench.listed(), {}, "objects that are listed before one is written")
    await bench.store.delete(key)


async def lists_are_exact(bench: Bench) -> None:
    wanted = {await bench.write(key, key.encode()): len(key) for key in ("a/1", "a/2", "a/b/3")}
    beside = {await bench.write(key, key.encode()): len(key) for key in ("ab/3", "b/a/4")}
    expect(await bench.listed("a/"), wanted, "objects that are listed below one part of a key")
    expect(await bench.listed(), wanted | beside, "objects that are listed")
    for each in await bench.store.list_values(bench.place):
        expect(
            abs(each.modified_at - time.time()) < DAY,
            True,
            f"whether modified_at={each.modified_at!r} of a new object is now, in seconds",
        )


async def deleted_is_gone(bench: Bench) -> None:
    key = await bench.write("a/1", b"x")
    kept = await bench.write("a/2", b"y")
    await bench.store.delete(key)
    await bench.store.delete(key)
    expect(await bench.store.read(key), None, "read() of a deleted object")
    expect(await bench.listed(), {kept: 1}, "objects that are listed after one was deleted")


async def neighbors_do_not_disturb(bench: Bench) -> None:
    async def work(number: int) -> None:
        for turn in range(10):
            key = await bench.write(f"a/{number}", b"x" * turn)
            expect(await bench.store.read(key), b"x" * turn, "an object that has neighbors")
            await bench.store.delete(key)

    await _at_once(*[lambda number=number: work(number) for number in range(8)])
    expect(await bench.listed(), {}, "objects that are listed after all were deleted")


async def readers_see_all_or_nothing(bench: Bench) -> None:
    contents = [bytes([number]) * 1_000_000 for number in range(2)]
    key = await bench.write("a/1", contents[0])

    async def write() -> None:
        for turn in range(10):
            await bench.store.write(key, contents[turn % 2])

    async def read() -> None:
        for _ in range(10):
            whole = await bench.store.read(key) in contents
            expect(whole, True, "whether a read beside a write returns one whole object")

    await _at_once(write, read)


async def cancellation_is_noticed(bench: Bench) -> None:
    key = await bench.write("a/1", b"old")
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "write": lambda: bench.store.write(key, b"new"),
        "read": lambda: bench.store.read(key),
        "list_values": lambda: bench.store.list_values(bench.place),
        "delete": lambda: bench.store.delete(bench.place + "none"),
    }
    for name, call in calls.items():
        with trio.CancelScope() as scope:
            scope.cancel()
            await call()
        what = f"whether {name}() raises Cancelled in a canceled scope"
        expect(scope.cancelled_caught, True, what)


async def canceled_writes_are_whole(bench: Bench) -> None:
    for moment in range(8):
        key = bench.place + f"a/{moment}"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.store.write, key, LARGE)
            for _ in range(moment):
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        whole = await bench.store.read(key) in (None, LARGE)
        expect(whole, True, "whether a canceled write leaves the whole object or none")


async def others_see_it(bench: Bench) -> None:
    key = await bench.write("a/1", b"x")
    expect(await bench.other.read(key), b"x", "read() through another store on the same storage")
    await bench.other.delete(key)
    expect(await bench.store.read(key), None, "read() after another store has deleted the object")


async def a_pickled_store_is_the_same(bench: Bench) -> None:
    try:
        pickled = pickle.dumps(bench.store)
    except Exception:  # it need not be portable
        await trio.lowlevel.checkpoint()
        return
    key = await bench.write("a/1", b"x")
    found = await pickle.loads(pickled).read(key)
    expect(found, b"x", "read() through a pickled copy, as a worker process does it")


PROMISES: dict[str, Callable[[Bench], Awaitable[None]]] = {
    "an object is read as it was written": bytes_are_kept,
    "what does not exist is None, and can be deleted": absence_is_no_error,
    "objects are listed by whole parts of their keys": lists_are_exact,
    "a deleted object is gone": deleted_is_gone,
    "objects next to each other are independent": neighbors_do_not_disturb,
    "a reader sees the whole object or none": readers_see_all_or_nothing,
    "every method is a checkpoint": cancellation_is_noticed,
    "a canceled write leaves the whole object or none": canceled_writes_are_whole,
    "all stores on the same storage see the same objects": others_see_it,
    "a store that can be pickled works in other processes": a_pickled_store_is_the_same,
}


async def check_value_store(
    open_store: Callable[[], AbstractAsyncContextManager[ValueStore]],
) -> None:
    """Check that a value store fulfills the contract of `trioflow.abc.ValueStore`.

    The storage may hold other objects; they are not touched. If the check passes, it removes
    everything it has written: about 10 MB at a time.

    Args:
      open_store: Opens a store on the same storage each time, even while another is open:
        ``lambda: MyValues(url)``.

    Raises:
      StoreContractError: for the first broken promise. Its cause is the exception that the
        store raised, if any.
    """
    for promise, check in PROMISES.items():
        failure = await _failure(promise, check, open_store)
        if failure is not None:  # not inside the block: a store with a nursery would wrap it
            raise failure


async def _failure(
    promise: str,
    check: Callable[[Bench], Awaitable[None]],
    open_store: Callable[[], AbstractAsyncContextManager[ValueStore]],
) -> StoreContractError | None:
    async with open_store() as store, open_store() as other:
        bench = Bench(store, other)
        try:
            await check(bench)
            await bench.clean_up()
        except AssertionError as error:
            return StoreContractError(promise, str(error))
        except Exception as error:
            failure = StoreContractError(promise, f"{type(error).__name__}: {error}")
            failure.__cause__ = error
            return failure
    return None


async def _at_once(*tasks: Callable[[], Awaitable[None]]) -> None:
    """Run all tasks, and raise the first failure without a group around it."""
    failures: list[Exception] = []

    async def run(task: Callable[[], Awaitable[None]]) -> None:
        try:
            await task()
        except Exception as error:
            failures.append(error)

    async with trio.open_nursery() as nursery:
        for task in tasks:
            nursery.start_soon(run, task)
    if failures:
        raise failures[0]
