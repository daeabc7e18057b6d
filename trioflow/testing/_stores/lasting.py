"""Promises about storage that outlives a store, or has several."""

from __future__ import annotations

from trioflow.testing._stores.bench import Bench, Promise, entry, expect


async def storage_is_shared(bench: Bench) -> None:
    """Check that there is one storage at all, since so much is tried with two stores on it."""
    await bench.do(bench.first("a", 0))
    async with bench.another_store() as other:
        if await other.get(bench.id("a")) is None:
            raise AssertionError(
                "a second store does not know the run that the first has begun; open_store has "
                "to open the same storage each time, or say persistent=False"
            )


async def journals_last(bench: Bench) -> None:
    """Check what another store finds, and what it finds when the first has closed it."""
    owner = f"{bench.mark}me"
    async with bench.another_store() as store:
        await store.append([bench.first("a", 0, 1, owner=owner, claim_seconds=60)])
        await store.append([bench.following("a", 1, 2, status="suspended", owner=owner)])
        inside = await store.get(bench.id("a"))

    expect(inside is not None and inside.held_for > 0, True, "whether the claim holds")
    expect(await bench.store.get(bench.id("a")), inside, "run, when the store is closed")
    expect((await bench.stored("a")).owner, owner, "owner, when the store is closed")
    wanted = [entry(seq) for seq in range(3)]
    expect(list(await bench.store.read(bench.id("a"))), wanted, "entries, when it is closed")


async def stores_see_each_other(bench: Bench) -> None:
    """Check that what one store has done counts for another that is open."""
    async with bench.another_store() as other:
        await bench.do(bench.first("a", 0))
        expect([one.seq for one in await other.read(bench.id("a"))], [0], "entries elsewhere")
        [refused] = await other.append([bench.following("a", -1, 0)])
        expect(refused is not None, True, "whether an append is refused elsewhere")
        [done] = await other.append([bench.following("a", 0, 1)])
        expect(done, None, "result of an append elsewhere")
        await bench.refuse(bench.following("a", 0, 1), "that comes after another store's")
        await bench.store.claim(bench.id("a"), f"{bench.mark}me", 60)
        claimed = await other.claim(bench.id("a"), f"{bench.mark}you", 60)
        expect(claimed, False, "claim elsewhere of a run that is held here")
        await bench.store.delete(bench.id("a"))
        expect(await other.get(bench.id("a")), None, "run that was deleted elsewhere")


FIRST = Promise("stores are opened on one storage", storage_is_shared, persistent=True)
"""What the other promises build on."""
PROMISES = (
    Promise("what was appended is there when a store is closed", journals_last, persistent=True),
    Promise("stores on one storage see each other", stores_see_each_other, persistent=True),
)
