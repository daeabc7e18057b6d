"""Promises about owners: what they hold is theirs while they are there, and free afterwards."""

from __future__ import annotations

from trioflow.testing._stores.bench import Bench, Promise, expect
from trioflow.testing._stores.claiming import LONG


async def who_leaves_gives_back(bench: Bench) -> None:
    """Check that claims hold while their owner is open, and are free when it is closed."""
    names = ["a", "b", "another's"]
    async with bench.owner("you") as you:
        async with bench.owner("me") as me:
            await bench.do(bench.first("a", 0, owner=me, claim_seconds=LONG))
            await bench.do(bench.first("b", 0), bench.first("another's", 0))
            await bench.store.claim(bench.id("b"), me, LONG)
            await bench.store.claim(bench.id("another's"), you, LONG)
            for name in names:
                claimed = await bench.store.claim(bench.id(name), bench.mark, LONG)
                expect(claimed, False, f"claim of run {name!r} of an owner that is open")
                held = (await bench.stored(name)).held_for
                expect(LONG - 10 < held <= LONG, True, f"whether {held} s are left of {LONG}")

        for name, free in zip(names, (True, True, False), strict=True):
            run = await bench.stored(name)
            expect(run.owner is None, free, f"whether run {name!r} has no owner, when one left")
            expect(run.held_for == 0, free, f"whether run {name!r} is free, when one left")
            claimed = await bench.store.claim(bench.id(name), bench.mark, LONG)
            expect(claimed, free, f"claim of run {name!r}, when an owner has left")


async def leaving_happens_once(bench: Bench) -> None:
    """Check that one who leaves gives back its own claims, and not what was taken over."""
    async with bench.owner("me") as me:
        await bench.do(bench.first("a", 0, owner=me, claim_seconds=0.0))
        await bench.store.claim(bench.id("a"), f"{bench.mark}you", LONG)
    expect((await bench.stored("a")).owner, f"{bench.mark}you", "owner, when the former one leaves")
    await bench.refuse(bench.following("a", 0, 1, owner=me), "of an owner that has left")


async def others_see_that_it_lives(bench: Bench) -> None:
    """Check that a second store judges an owner in the first as the first does."""
    async with bench.another_store() as other:
        async with bench.owner("me") as me:
            await bench.do(bench.first("a", 0, owner=me, claim_seconds=LONG))
            expect(await other.claim(bench.id("a"), bench.mark, LONG), False, "claim elsewhere")
            found = await other.get(bench.id("a"))
            expect(found is not None and found.held_for > 0, True, "whether it is held elsewhere")
        expect(await other.claim(bench.id("a"), bench.mark, LONG), True, "claim, when it has left")


PROMISES = (
    Promise("an owner that leaves gives back its claims", who_leaves_gives_back),
    Promise("an owner that leaves takes nothing from others", leaving_happens_once),
    Promise("stores on one storage agree on who lives", others_see_that_it_lives, persistent=True),
)
