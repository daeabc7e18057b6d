"""Promises about claims: one owner at a time, for a limited time, and others cannot write."""

from __future__ import annotations

import time

import trio

from trioflow.abc import Store
from trioflow.testing._stores.bench import Bench, Promise, expect

SHORT = 0.2
"""Seconds that a claim holds if the check waits for it to expire."""
LONG = 60.0


async def one_holds_a_claim(bench: Bench) -> None:
    """Check claims of a run that is free, held and released."""
    await bench.do(bench.first("a", 0), bench.first("b", 0))
    run_id, me, you = bench.id("a"), f"{bench.mark}me", f"{bench.mark}you"

    expect(await bench.store.claim(run_id, me, LONG), True, "claim of a free run")
    expect(
        await bench.store.claim(run_id, you, LONG), False, "claim of a run held by another owner"
    )
    expect(await bench.store.claim(run_id, me, LONG), True, "repeated claim by the same owner")
    expect((await bench.stored("a")).owner, me, "owner")
    expect(await bench.store.claim(bench.id("b"), you, LONG), True, "claim of another run")
    await bench.store.release(run_id, you)
    expect(
        await bench.store.claim(run_id, you, LONG), False, "claim after a release by another owner"
    )
    await bench.store.release(run_id, me)
    freed = await bench.stored("a")
    expect((freed.owner, freed.held_for), (None, 0.0), "owner and held_for of a released run")
    expect(await bench.store.claim(run_id, you, LONG), True, "claim of a released run")


async def claims_expire(bench: Bench) -> None:
    """Check that a claim holds for its time, and no longer."""
    await bench.do(bench.first("a", 0), bench.first("b", 0))
    a, me, you = bench.id("a"), f"{bench.mark}me", f"{bench.mark}you"

    began = clocks()
    await bench.store.claim(a, me, SHORT)
    rest = (await bench.stored("a")).held_for
    expect(0 < rest <= SHORT, True, f"whether held_for is above 0 and at most {SHORT} s: {rest} s")
    await bench.store.claim(bench.id("b"), me, LONG)
    await bench.store.claim(bench.id("b"), me, 0.0)  # replaces the claim before
    expect(
        await bench.store.claim(bench.id("b"), you, LONG),
        True,
        "claim of a run with an expired claim",
    )
    while not await bench.store.claim(a, you, LONG):
        if elapsed(began) > SHORT + 3:
            raise AssertionError(f"a claim for {SHORT} s still holds after another 3 s")
        await trio.sleep(0.01)
    if elapsed(began) < SHORT * 0.9:
        raise AssertionError(f"a claim for {SHORT} s expired too early")
    expect((await bench.stored("a")).owner, you, "owner after another owner's claim")
    expect(await bench.store.claim(a, me, LONG), False, "claim by the former owner")
    await bench.store.release(a, me)
    expect((await bench.stored("a")).owner, you, "owner after a release by the former owner")


def clocks() -> tuple[float, float]:
    """Return the time on the real clock and on Trio's, in seconds from arbitrary starts."""
    return time.monotonic(), trio.current_time()


def elapsed(since: tuple[float, float]) -> float:
    """Return the seconds that have passed, on the clock on which more have passed."""
    return max(now - then for now, then in zip(clocks(), since, strict=True))


async def claims_are_renewed(bench: Bench) -> None:
    """Check that all claims of one owner are renewed, and no others."""
    names = ["held", "expired", "released", "taken", "another's"]
    await bench.do(*(bench.first(name, 0) for name in names))
    me, you = f"{bench.mark}me", f"{bench.mark}you"
    for name in names[:4]:
        await bench.store.claim(bench.id(name), me, 0.0)
    await bench.store.claim(bench.id("held"), me, LONG)
    await bench.store.release(bench.id("released"), me)
    await bench.store.claim(bench.id("taken"), you, 0.0)
    await bench.store.claim(bench.id("another's"), you, 0.0)

    found = await bench.store.renew(me, LONG)

    wanted = {bench.id("held"), bench.id("expired")}
    expect(set(found), wanted, "runs returned by renew()")
    for name in names:
        held = bench.id(name) in wanted
        claimed = await bench.store.claim(bench.id(name), f"{bench.mark}third", LONG)
        expect(claimed, not held, f"whether a third owner can claim run {name!r}")


async def one_of_many_claims(bench: Bench) -> None:
    """Check concurrent claims through two stores."""
    await bench.do(*(bench.first(str(number), 0) for number in range(3)))
    winners: list[tuple[int, str]] = []

    async def claim(store: Store, number: int, owner: str) -> None:
        if await store.claim(bench.id(str(number)), owner, LONG):
            winners.append((number, owner))

    async with bench.another_store() as other, trio.open_nursery() as nursery:
        for index in range(8):
            for number in range(3):
                store = [bench.store, other][(index + number) % 2]
                nursery.start_soon(claim, store, number, f"{bench.mark}{index}")

    expect(
        sorted(number for number, _ in winners),
        [0, 1, 2],
        "runs won, with 8 claims of each of 3 runs",
    )
    for number, owner in winners:
        expect((await bench.stored(str(number))).owner, owner, "owner after 8 concurrent claims")


async def claims_leave_the_journal_alone(bench: Bench) -> None:
    """Check that a claim does not update the run."""
    await bench.do(bench.first("a", 0, 1, status="suspended"))
    before = await bench.journal(bench.id("a"))

    await bench.store.claim(bench.id("a"), bench.mark, LONG)
    await bench.store.renew(bench.mark, LONG)
    await bench.store.release(bench.id("a"), bench.mark)

    expect(await bench.journal(bench.id("a")), before, "journal after claiming and releasing")


async def the_first_append_claims(bench: Bench) -> None:
    """Check that a run can be claimed when it is created."""
    await bench.do(
        bench.first("a", 0, owner=f"{bench.mark}me", claim_seconds=LONG),
        bench.first("b", 0, owner=f"{bench.mark}me", claim_seconds=0.0),
        bench.first("c", 0),
    )

    expect((await bench.stored("a")).owner, f"{bench.mark}me", "owner of a run created as claimed")
    expect((await bench.stored("c")).owner, None, "owner of a run created as unclaimed")
    for name, wanted in [("a", False), ("b", True), ("c", True)]:
        claimed = await bench.store.claim(bench.id(name), f"{bench.mark}you", LONG)
        what = {"a": "claimed for a minute", "b": "claimed for 0 s", "c": "unclaimed"}[name]
        expect(claimed, wanted, f"claim of a run created as {what}")


async def who_lost_a_claim_cannot_append(bench: Bench) -> None:
    """Check that appends are fenced by their owner."""
    me, you = f"{bench.mark}me", f"{bench.mark}you"
    await bench.do(bench.first("a", 0, owner=me, claim_seconds=0.0))

    await bench.do(
        bench.following("a", 0, 1, owner=me)
    )  # expired, but not claimed by another owner
    await bench.refuse(bench.following("a", 1, 2, owner=you), "by an owner without a claim")
    await bench.store.claim(bench.id("a"), you, LONG)
    await bench.refuse(bench.following("a", 1, 2, owner=me), "by an owner that has lost its claim")
    await bench.do(bench.following("a", 1, 2, owner=you))
    await bench.store.release(bench.id("a"), you)
    await bench.refuse(
        bench.following("a", 2, 3, owner=you), "by an owner that has released its claim"
    )
    await bench.do(bench.following("a", 2, 3))


async def who_has_no_claim_cannot_append_to_a_claimed_run(bench: Bench) -> None:
    """Check that an append without an owner requires a run without an owner."""
    me = f"{bench.mark}me"
    await bench.do(bench.first("a", 0))
    await bench.do(bench.following("a", 0, 1))
    await bench.store.claim(bench.id("a"), me, LONG)
    await bench.refuse(bench.following("a", 1, 2), "without an owner, to a claimed run")
    await bench.store.claim(bench.id("a"), me, 0.0)
    await bench.refuse(bench.following("a", 1, 2), "without an owner, after a claim has expired")
    await bench.refuse(bench.following("a", 1, status="failed"), "without owner and entries")
    await bench.do(bench.following("a", 1, 2, owner=me))


PROMISES = (
    Promise("claim() gives a run to one owner at a time", one_holds_a_claim),
    Promise("a claim holds for its time, and no longer", claims_expire),
    Promise("renew() renews the claims of one owner", claims_are_renewed),
    Promise("exactly one of several concurrent claims wins", one_of_many_claims),
    Promise("claims do not change the journal", claims_leave_the_journal_alone),
    Promise("append() can create a claimed run", the_first_append_claims),
    Promise("append() refuses an owner that has lost its claim", who_lost_a_claim_cannot_append),
    Promise(
        "append() without an owner is refused if the run is claimed",
        who_has_no_claim_cannot_append_to_a_claimed_run,
    ),
)
