"""Promises about requests: none is lost or given to the wrong owner, and they are bounded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import trio

from trioflow.abc import MAX_REQUEST_BYTES, MAX_REQUESTS, RequestKind
from trioflow.errors import (
    InboxFullError,
    RequestTooLargeError,
    RunFinishedError,
    StoreError,
    UnknownRunError,
)
from trioflow.events import FINISHED_STATUSES
from trioflow.testing._stores.bench import Bench, Promise, expect

LONG = 60.0
SOON = 3.0
"""Seconds within which an owner must be woken."""
QUIET, MANY = 0.3, 20
KINDS: tuple[RequestKind, ...] = ("cancel", "event", "resume", "drain")


async def requests_come_back(bench: Bench) -> None:
    """Check that requests are returned as posted, and stay until they are removed."""
    me = await bench.claimed("a", "b")
    before = await bench.journal(bench.id("a"))
    posted = [
        await bench.post("a", kind=kind, payload=payload, by=by, at=at)
        for kind, payload, by, at in zip(
            KINDS,
            ['"é\\u0000\U0001f600"', "x" * 100_000, "", "null"],
            ["Ada", None, "", "é'\"%"],
            [0.1 + 0.2, -1.5, 0.0, 2.0**40 + 0.5],
            strict=True,
        )
    ]

    for _ in range(2):  # taking does not remove
        expect(await bench.take(me), posted, "taken requests, compared with the posted ones")
    ids = [request.id for request in posted]
    expect(ids == sorted(set(ids)) and ids[0] > 0, True, f"whether ids ascend: {ids}")
    expect(await bench.journal(bench.id("a")), before, "journal after requests for the run")
    again = await bench.post("a")
    expect(again.id > ids[-1], True, "whether the next id is higher")


async def owners_take_their_own(bench: Bench) -> None:
    """Check which requests are returned, and that pages are contiguous."""
    me = await bench.claimed("a", "b", "released")
    await bench.do(bench.first("another's", 0, owner=f"{bench.mark}you", claim_seconds=LONG))
    await bench.do(bench.first("nobody's", 0))
    names = ["a", "nobody's", "b", "another's", "a", "released", "b", "a"]
    posted = [await bench.post(name) for name in names]
    await bench.store.release(bench.id("released"), me)

    mine = [one for one, name in zip(posted, names, strict=True) if name in ("a", "b")]
    expect(await bench.take(me), mine, "requests for the runs of an owner")
    expect(
        await bench.take(me, run_ids=[bench.id("b"), bench.id("another's")]),
        [one for one in mine if one.run_id == bench.id("b")],
        "requests for some of the runs",
    )
    expect(await bench.take(me, run_ids=[]), [], "requests for none of the runs")
    expect(await bench.take(f"{bench.mark}third"), [], "requests for an owner without runs")
    first = await bench.take(me, limit=2)
    rest = await bench.take(me, after=first[-1].id, limit=99)
    expect([*first, *rest], mine, "requests in two pages")
    expect(len(first), 2, "length of a page of 2")
    await bench.store.claim(bench.id("nobody's"), me, LONG)
    found = await bench.take(me, run_ids=[bench.id("nobody's")])
    expect(found, [posted[1]], "requests for a run claimed later")


async def appends_remove_what_they_record(bench: Bench) -> None:
    """Check that a request is removed only by the append that records its effect."""
    me = await bench.claimed("a", "b")
    one, two, three = [await bench.post("a") for _ in range(3)]
    other = await bench.post("b")

    await bench.refuse(bench.following("a", 7, 8, owner=me, requests=(one.id,)), "after seq 7 of 0")
    expect(await bench.take(me), [one, two, three, other], "requests after a refused append")
    await bench.do(bench.following("a", 0, 1, owner=me, requests=(two.id, other.id)))
    expect(
        await bench.take(me),
        [one, three, other],
        "requests after an append that records the second",
    )
    await bench.do(bench.following("a", 1, owner=me, requests=(one.id, two.id)))
    expect(await bench.take(me), [three, other], "requests after an append without entries")
    expect(await bench.seqs("a"), [0, 1], "entries after appends that record requests")
    await bench.do(bench.following("a", 1, 2, owner=me))
    expect(await bench.take(me), [three, other], "requests after an append that records none")
    await bench.do(bench.following("a", 2, owner=me, requests=(three.id,)))
    await bench.do(bench.following("b", 0, owner=me, requests=(other.id,)))
    later = await bench.post("a")
    expect(later.id > other.id, True, "whether an id is new after the last ones were removed")


async def the_finished_have_no_requests(bench: Bench) -> None:
    """Check that requests are removed when the run finishes or is deleted."""
    me = await bench.claimed("deleted", "kept", *FINISHED_STATUSES)
    for name in ("kept", "deleted", *FINISHED_STATUSES):
        await bench.post(name)
    kept = await bench.take(me, run_ids=[bench.id("kept")])
    for status in FINISHED_STATUSES:
        await bench.do(bench.following(status, 0, 1, status=status, owner=me))
        await bench.refuse_request(status, RunFinishedError)
    await bench.store.delete(bench.id("deleted"))

    expect(await bench.take(me), kept, "requests after runs finished or were deleted")
    await bench.do(bench.first("deleted", 0, owner=me, claim_seconds=LONG))
    expect(await bench.take(me), kept, "requests after a deleted run was created again")
    await bench.refuse_request("unknown", UnknownRunError)


async def there_is_an_end_to_requests(bench: Bench) -> None:
    """Check the limits on the size of a request and on the number of requests for a run."""
    me = await bench.claimed("a", "b")
    longest = await bench.post("b", payload="é" * (MAX_REQUEST_BYTES // 2))
    await bench.refuse_request(
        "b", RequestTooLargeError, payload="é" * (MAX_REQUEST_BYTES // 2) + "x"
    )
    for _ in range(MAX_REQUESTS):
        await bench.post("a")
    await bench.refuse_request("a", InboxFullError)

    expect(len(await bench.take(me, limit=5000)), MAX_REQUESTS + 1, "number of requests kept")
    [first] = await bench.take(me, run_ids=[bench.id("a")], limit=1)
    await bench.do(bench.following("a", 0, owner=me, requests=(first.id,)))
    await bench.post("a")  # there is room again
    expect(await bench.take(me, run_ids=[bench.id("b")]), [longest], "the longest payload")


async def posting_wakes(bench: Bench) -> None:
    """Check that requests from this and another store wake an owner, and that it can sleep."""
    async with bench.another_store() as other, bench.owner("me") as me:
        await bench.do(bench.first("a", 0, owner=me, claim_seconds=LONG), bench.first("free", 0))
        await bench.take(me)
        for store, where in ((bench.store, "in this store"), (other, "in another store")):
            for name in ("a", "free"):
                post = partial(store.post_request, bench.request(name))
                await _check_woken(bench, me, post, f"a request for run {name!r} {where}")
                await bench.take(me)
        nothing = trio.lowlevel.checkpoint
        await bench.post("a")
        await _check_woken(bench, me, nothing, "a request posted before")
        await bench.take(me, run_ids=[bench.id("free")])
        await _check_woken(bench, me, nothing, "a request that was not among those taken")
        await bench.take(me, limit=1)
        await _check_woken(bench, me, nothing, "requests beyond the limit of take_requests()")
        await _check_quiet(bench, me)


async def _check_woken(
    bench: Bench, owner: str, happen: Callable[[], Awaitable[object]], why: str
) -> None:
    """Check that *happen* wakes a waiting owner."""
    woken = False

    async def wait() -> None:
        nonlocal woken
        await bench.store.wait_requests(owner)
        woken = True

    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.deadline = trio.current_time() + SOON
        nursery.start_soon(wait)
        for _ in range(20):
            await trio.lowlevel.checkpoint()
        await happen()
    expect(woken, True, f"whether wait_requests() returns within {SOON} s for {why}")


async def _check_quiet(bench: Bench, owner: str) -> None:
    """Check that taken requests do not wake the owner repeatedly."""
    wakes = 0
    with trio.move_on_after(QUIET):
        while wakes < MANY:
            await bench.take(owner)
            await bench.store.wait_requests(owner)
            wakes += 1
    expect(
        wakes < MANY, True, f"whether the owner wakes fewer than {MANY} times in {QUIET} quiet s"
    )


async def only_the_open_wait(bench: Bench) -> None:
    """Check that waiting can be canceled, and needs an open owner."""
    async with bench.owner("me") as me:
        await bench.take(me)
        with trio.move_on_after(0.05) as scope:
            while True:
                await bench.take(me)
                await bench.store.wait_requests(me)
        expect(scope.cancelled_caught, True, "whether waiting can be canceled")
    try:
        await bench.store.wait_requests(me)
    except StoreError:
        pass
    else:
        raise AssertionError("wait_requests() returns for an owner that is not open")


PROMISES = (
    Promise("take_requests() returns requests as they were posted, in order", requests_come_back),
    Promise("take_requests() returns the requests for the owner's runs", owners_take_their_own),
    Promise("a request is removed by the append that records it", appends_remove_what_they_record),
    Promise("a finished or deleted run has no requests", the_finished_have_no_requests),
    Promise("requests are limited in size and number", there_is_an_end_to_requests),
    Promise("a request wakes a waiting owner", posting_wakes),
    Promise("wait_requests() can be canceled and needs an open owner", only_the_open_wait),
)
