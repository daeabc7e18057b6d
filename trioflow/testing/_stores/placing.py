"""Promises about lines: limits give places in the order in which tickets joined."""

from __future__ import annotations

import trio

from trioflow.abc import PlaceRule
from trioflow.testing._stores.bench import Bench, Promise, expect
from trioflow.testing._stores.claiming import clocks, elapsed

LONG = 60.0
TWO = PlaceRule(2)
PER = 0.4


async def join(bench: Bench, line: str, *tickets: str, rule: PlaceRule = TWO) -> list[bool]:
    """Join a line with tickets named ``owner:name``, and return which have a place."""
    return [
        await bench.store.join_line(
            bench.mark + line, bench.mark + ticket, _owner(bench, ticket), LONG, rule
        )
        for ticket in tickets
    ]


async def take(bench: Bench, line: str, *tickets: str, rule: PlaceRule = TWO) -> list[str]:
    """Return which tickets of one owner have a place."""
    limit, names = bench.mark + line, [bench.mark + ticket for ticket in tickets]
    owner = _owner(bench, tickets[0])
    found = await bench.store.take_places(owner, {limit: names}, {limit: rule})
    return sorted(ticket.removeprefix(bench.mark) for ticket in found)


async def leave(bench: Bench, *tickets: str) -> None:
    """Leave a line."""
    for ticket in tickets:
        await bench.store.leave_line(_owner(bench, ticket), [bench.mark + ticket])


def _owner(bench: Bench, ticket: str) -> str:
    return bench.mark + ticket.partition(":")[0]


async def places_follow_the_line(bench: Bench) -> None:
    """Check the order, also over several owners, and that lines are independent."""
    joined = await join(bench, "line", "me:1", "you:1", "me:2", "you:2")
    expect(joined, [True, True, False, False], "whether the first two tickets have the two places")
    expect(await join(bench, "line", "me:2", "me:1"), [False, True], "the same tickets again")
    expect(await join(bench, "other", "me:3"), [True], "whether another line is free")

    await leave(bench, "you:1")
    expect(await take(bench, "line", "you:2"), [], "places past the line")
    expect(await take(bench, "line", "me:1", "me:2"), ["me:1", "me:2"], "places that are free")
    await leave(bench, "me:1", "me:2")
    expect(await take(bench, "line", "you:2"), ["you:2"], "places for the last ticket")
    await leave(bench, "you:2", "me:3")


async def places_end_with_their_owner(bench: Bench) -> None:
    """Check that tickets of owners count as long as their claims do."""
    one = PlaceRule(1)
    limit = bench.mark + "line"
    async with bench.owner("gone") as gone:
        await bench.store.join_line(limit, f"{gone}:1", gone, LONG, one)
        expect(await join(bench, "line", "me:1", rule=one), [False], "place beside a living owner")
    expect(await take(bench, "line", "me:1", rule=one), ["me:1"], "place of an owner that left")
    await leave(bench, "me:1")

    await bench.store.join_line(limit, bench.mark + "dead:1", bench.mark + "dead", 0.0, one)
    expect(await join(bench, "line", "me:2", rule=one), [True], "place of an expired ticket")
    await bench.store.renew(_owner(bench, "me:2"), 0.0)
    expect(await join(bench, "line", "you:1", rule=one), [True], "place after renew() for 0 s")
    await leave(bench, "you:1")


async def rates_are_kept(bench: Bench) -> None:
    """Check that a rate gives so many places in any such time, and to the first in the line."""
    rule = PlaceRule(2, PER)
    began = clocks()
    joined = await join(bench, "rate", "me:1", "me:2", "me:3", "you:1", rule=rule)
    expect(joined[:2], [True, True], "the first two places")
    if elapsed(began) < PER:
        expect(joined[2:], [False, False], "places beyond the rate")
    expect(await take(bench, "rate", "me:1", rule=rule), ["me:1"], "a place that was given before")
    await leave(bench, "me:1", "me:2")
    for ticket in ("me:3", "you:1"):
        while not await take(bench, "rate", ticket, rule=rule):
            if elapsed(began) > 2 * PER + 5:
                raise AssertionError(f"a rate gives no place {PER} s after the last one")
            await trio.sleep(0.01)
        if elapsed(began) < PER * 0.9:
            raise AssertionError("a rate gives a place too early")
    await leave(bench, "me:3", "you:1")


PROMISES = (
    Promise("limits give places in the order of the line", places_follow_the_line),
    Promise("places are free when their owner is gone", places_end_with_their_owner),
    Promise("rates give so many places in a time", rates_are_kept),
)
