"""Promises about storage that outlives a store, or is shared by several."""

from __future__ import annotations

from trioflow.testing._stores.bench import Bench, Promise, entry, expect


async def storage_is_shared(bench: Bench) -> None:
    """Check that all stores share one storage, because many checks use two stores on it."""
    await bench.do(bench.first("a", 0))
    async with bench.another_store() as other:
        if await other.get(bench.id("a")) is None:
            raise AssertionError(
                "a second store does not find the run that the first has created; open_store "
                "must open the same storage each time, or pass persistent=False"
            )


async def journals_last(bench: Bench) -> None:
    """Check that what a store has written is found after it was closed."""
    owner = f"{bench.mark}me"
    async with bench.another_store() as store:
        await store.append([bench.first("a", 0, 1, owner=owner, claim_seconds=60)])
        await store.append([bench.following("a", 1, 2, status="suspended", owner=owner)])
        inside = await store.get(bench.id("a"))

    expect(inside is not None and inside.held_for > 0, True, "whether the claim holds")
    expect(await bench.store.get(bench.id("a")), inside, "run after the store was closed")
    expect((await bench.stored("a")).owner, owner, "owner after the store was closed")
    wanted = [entry(seq) for seq in range(3)]
    expect(list(await bench.store.read(bench.id("a"))), wanted, "entries after it was closed")


async def stores_see_each_other(bench: Bench) -> None:
    """Check that what one store does takes effect in another open store."""
    async with bench.another_store() as other:
        await bench.do(bench.first("a", 0))
        expect(
            [one.seq for one in await other.read(bench.id("a"))], [0], "entries in another store"
        )
        [refused] = await other.append([bench.following("a", -1, 0)])
        expect(refused is not None, True, "whether another store refuses an append")
        [done] = await other.append([bench.following("a", 0, 1)])
        expect(done, None, "result of an append in another store")
        await bench.refuse(bench.following("a", 0, 1), "that follows one of another store")
        await bench.store.claim(bench.id("a"), f"{bench.mark}me", 60)
        claimed = await other.claim(bench.id("a"), f"{bench.mark}you", 60)
        expect(claimed, False, "claim in another store of a run that is held")
        await bench.store.delete(bench.id("a"))
        expect(await other.get(bench.id("a")), None, "run that was deleted in another store")


FIRST = Promise("all stores are opened on the same storage", storage_is_shared, persistent=True)
"""The promise that the others rely on."""
PROMISES = (
    Promise("appended entries outlive the store that wrote them", journals_last, persistent=True),
    Promise(
        "stores on the same storage see each other's changes",
        stores_see_each_other,
        persistent=True,
    ),
)
