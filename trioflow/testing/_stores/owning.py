"""Promises about owners: their claims hold while they are open, and are free afterwards."""

from __future__ import annotations

from trioflow.testing._stores.bench import Bench, Promise, expect
from trioflow.testing._stores.claiming import LONG


async def who_leaves_gives_back(bench: Bench) -> None:
    """Check that claims hold while their owner is open, and are free after it has closed."""
    names = ["a", "b", "another's"]
    async with bench.owner("you") as you:
        async with bench.owner("me") as me:
            await bench.do(bench.first("a", 0, owner=me, claim_seconds=LONG))
            await bench.do(bench.first("b", 0), bench.first("another's", 0))
            await bench.store.claim(bench.id("b"), me, LONG)
            await bench.store.claim(bench.id("another's"), you, LONG)
            for name in names:
                claimed = await bench.store.claim(bench.id(name), bench.mark, LONG)
                expect(claimed, False, f"claim of run {name!r}, held by an open owner")
                held = (await bench.stored(name)).held_for
                expect(
                    LONG - 10 < held <= LONG, True, f"whether held_for is up to {LONG} s: {held} s"
                )

        for name, free in zip(names, (True, True, False), strict=True):
            run = await bench.stored(name)
            expect(
                run.owner is None, free, f"whether run {name!r} has no owner after one has exited"
            )
            expect(run.held_for == 0, free, f"whether run {name!r} is free after one has exited")
            claimed = await bench.store.claim(bench.id(name), bench.mark, LONG)
            expect(claimed, free, f"claim of run {name!r} after an owner has exited")


async def leaving_happens_once(bench: Bench) -> None:
    """Check that an exiting owner releases its own claims, and none that others took over."""
    async with bench.owner("me") as me:
        await bench.do(bench.first("a", 0, owner=me, claim_seconds=0.0))
        await bench.store.claim(bench.id("a"), f"{bench.mark}you", LONG)
    expect((await bench.stored("a")).owner, f"{bench.mark}you", "owner after the former one exits")
    await bench.refuse(bench.following("a", 0, 1, owner=me), "by an owner that has exited")


async def others_see_that_it_lives(bench: Bench) -> None:
    """Check that a second store sees whether an owner of the first is alive."""
    async with bench.another_store() as other:
        async with bench.owner("me") as me:
            await bench.do(bench.first("a", 0, owner=me, claim_seconds=LONG))
            expect(
                await other.claim(bench.id("a"), bench.mark, LONG), False, "claim in another store"
            )
            found = await other.get(bench.id("a"))
            expect(
                found is not None and found.held_for > 0,
                True,
                "whether another store shows it as held",
            )
        expect(
            await other.claim(bench.id("a"), bench.mark, LONG), True, "claim after it has exited"
        )


PROMISES = (
    Promise("an owner that exits releases its claims", who_leaves_gives_back),
    Promise("an owner that exits does not affect other claims", leaving_happens_once),
    Promise(
        "stores on the same storage agree on which owners are alive",
        others_see_that_it_lives,
        persistent=True,
    ),
)
