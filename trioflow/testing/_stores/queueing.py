"""Promises about queues: which runs workers get, in which order, and each of them once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import trio

from trioflow.abc import Append, Store, StoredRun
from trioflow.errors import StoreError
from trioflow.testing._stores.bench import LONG_AGO, Bench, Promise, expect

LONG = 60.0
SOON = 5.0
"""Seconds within which a waiting owner must wake."""
QUIET = 0.5
MANY = 30
NOW = LONG_AGO + 100


def enqueued(bench: Bench, name: str, **fields: Any) -> Append:
    """Return the append that leaves a run to workers."""
    header = bench.header(name, **{"queue": f"{bench.mark}queue", **fields})
    return bench.following(name, -1, 0, header=header, status="pending")


async def claim_next(
    bench: Bench, owner: str, store: Store | None = None, **options: Any
) -> list[StoredRun]:
    """Claim the next runs of the bench's queue and workflow."""
    given: dict[str, Any] = {
        "workflows": {f"{bench.mark}workflow": "{}"},
        "queues": [f"{bench.mark}queue"],
        "now": NOW,
        "limit": 10,
    }
    claim = (store or bench.store).claim_next
    return list(await claim(f"{bench.mark}{owner}", LONG, **given | options))


def names_of(bench: Bench, runs: list[StoredRun]) -> list[str]:
    """Return the names of runs, without the bench's mark."""
    return [run.header.run_id.removeprefix(bench.mark) for run in runs]


async def runs_come_by_priority(bench: Bench) -> None:
    """Check the order, the limit, and what is returned and claimed."""
    await bench.do(
        enqueued(bench, "old"),
        enqueued(bench, "new", created_at=LONG_AGO + 2),
        enqueued(bench, "urgent", created_at=LONG_AGO + 3, priority=7),
        enqueued(bench, "idle", created_at=LONG_AGO - 3, priority=-7),
        enqueued(bench, "other", created_at=LONG_AGO + 1),
    )
    before = await bench.stored("urgent")

    first = await claim_next(bench, "me", limit=2)
    then = await claim_next(bench, "you")

    expect(names_of(bench, first), ["urgent", "old"], "the first two runs")
    expect(names_of(bench, then), ["other", "new", "idle"], "the following runs")
    expect(first[0], before, "a run as it was before claim_next()")
    claimed = await bench.stored("urgent")
    expect(claimed.owner, f"{bench.mark}me", "owner of a run after claim_next()")
    expect(0 < claimed.held_for <= LONG, True, "whether the claim holds for the given seconds")
    expect(await claim_next(bench, "third"), [], "runs for a third owner")
    expect(await claim_next(bench, "me"), [], "runs for the owner that holds some")


async def only_what_is_asked_for(bench: Bench) -> None:
    """Check that other queues and workflows are left, and do not delay what follows them."""
    workflow, queue = f"{bench.mark}workflow", f"{bench.mark}queue"
    registered = bench.header("registered", queue=queue)
    await bench.do(
        enqueued(bench, "unknown", workflow_id=f"{bench.mark}unknown"),
        enqueued(bench, "changed", fingerprint="[1]"),
        enqueued(bench, "elsewhere", queue=f"{bench.mark}elsewhere"),
        enqueued(bench, "skipped"),
        bench.following("registered", -1, header=registered, status="pending"),
        enqueued(bench, "wanted", created_at=LONG_AGO + 1),
    )

    skipped = [bench.id("skipped")]
    found = await claim_next(bench, "me", limit=1, skipped=skipped)
    expect(names_of(bench, found), ["wanted"], "the run behind those that do not fit")
    expect(await claim_next(bench, "me", skipped=skipped), [], "runs that fit")
    queues = [f"{bench.mark}elsewhere", queue]
    both = {workflow: "[1]", f"{bench.mark}unknown": "{}"}
    found = await claim_next(bench, "me", queues=queues, workflows=both)
    expect(names_of(bench, found), ["changed", "unknown"], "runs of other workflows")
    found = await claim_next(bench, "me", queues=queues)
    expect(names_of(bench, found), ["elsewhere", "skipped"], "runs of two queues")
    expect(await claim_next(bench, "me", queues=[]), [], "runs of no queue")


async def free_runs_with_work_are_taken(bench: Bench) -> None:
    """Check which runs count as work: interrupted, due and answered ones that are free."""
    queue = f"{bench.mark}queue"
    held = {"owner": f"{bench.mark}you", "claim_seconds": LONG}

    def started(name: str, status: Any, **fields: Any) -> Append:
        header = bench.header(name, queue=queue)
        return bench.following(name, -1, 0, header=header, status=status, **fields)

    await bench.do(
        started("halted", "running"),
        started("dead", "running", owner=f"{bench.mark}dead", claim_seconds=0.0),
        started("due", "suspended", due_at=NOW - 1),
        started("answered", "suspended"),
        started("waiting", "suspended", due_at=NOW + 1),
        started("ended", "success", due_at=NOW - 1),
        started("held", "running", **held),
        started("held due", "suspended", due_at=NOW - 1, **held),
    )
    await bench.post("answered")

    found = await claim_next(bench, "me")

    wanted = ["answered", "dead", "due", "halted"]
    expect(names_of(bench, found), wanted, "the runs with work that are free")
    owners = [run.owner for run in found]
    expect(owners, [None, f"{bench.mark}dead", None, None], "the previous owners")
    taken = [bench.id(name) for name in wanted[:3]]
    found = await claim_next(bench, "me", held=taken)
    expect(names_of(bench, found), wanted[3:], "a run whose claim the owner does not know")


async def each_run_has_one_worker(bench: Bench) -> None:
    """Check concurrent callers in two stores."""
    names = [str(number) for number in range(24)]
    await bench.do(*(enqueued(bench, name) for name in names))
    taken: list[str] = []

    async def take(store: Store, owner: str) -> None:
        while found := await claim_next(bench, owner, store, limit=3):
            taken.extend(names_of(bench, found))

    async with bench.another_store() as other, trio.open_nursery() as nursery:
        for number in range(4):
            store = [bench.store, other][number % 2]
            nursery.start_soon(take, store, f"worker {number}")
    # A caller may leave what another one has just locked.
    taken += names_of(bench, await claim_next(bench, "last", limit=24))

    expect(sorted(taken), sorted(names), "runs taken by four workers")


async def queues_can_be_listed(bench: Bench) -> None:
    """Check the lists of queues and owners."""
    await bench.do(
        enqueued(bench, "a"),
        enqueued(bench, "b", created_at=LONG_AGO - 5),
        enqueued(bench, "c", queue=f"{bench.mark}third"),
    )
    await claim_next(bench, "me", queues=[f"{bench.mark}third"])
    await bench.do(enqueued(bench, "d", queue=f"{bench.mark}third"))

    queues = [each for each in await bench.store.list_queues() if each.queue.startswith(bench.mark)]
    found = [(each.queue.removeprefix(bench.mark), each.waiting, each.oldest) for each in queues]
    wanted = [("queue", 2, LONG_AGO - 5), ("third", 1, LONG_AGO)]
    expect(found, wanted, "queues with their waiting runs and the oldest of them")
    owners = [each for each in await bench.store.list_owners() if each.owner.startswith(bench.mark)]
    runs = [(each.owner.removeprefix(bench.mark), each.runs) for each in owners]
    expect(runs, [("me", 1)], "owners with the number of their runs")
    expect(owners[0].claimed_at > LONG_AGO, True, "whether claimed_at is a time of now")
    expect(0 < owners[0].held_for <= LONG, True, "whether held_for is what is left of the claim")


async def work_wakes(bench: Bench) -> None:
    """Check that a worker wakes for new work, and only for that."""
    await bench.do(bench.first("free", 0, status="suspended"))
    async with bench.another_store() as other, bench.owner("me") as owner:
        me = owner.removeprefix(bench.mark)
        for index, store in enumerate([bench.store, other]):
            await claim_next(bench, me)
            append = partial(store.append, [enqueued(bench, f"new {index}")])
            await _check_woken(bench, owner, append, "an enqueued run")
            await claim_next(bench, me)
            post = partial(store.post_request, bench.request("free"))
            await _check_woken(bench, owner, post, "a request for an unclaimed run")
        await claim_next(bench, me)
        await bench.do(enqueued(bench, "before"))
        await _check_woken(bench, owner, trio.lowlevel.checkpoint, "a run enqueued before")
        await _check_quiet(bench, owner)
    try:
        await bench.store.wait_runs(owner)
    except StoreError:
        return
    raise AssertionError("wait_runs() returns for an owner that is not open")


async def _check_woken(
    bench: Bench, owner: str, happen: Callable[[], Awaitable[object]], why: str
) -> None:
    woken = False

    async def wait() -> None:
        nonlocal woken
        await bench.store.wait_runs(owner)
        woken = True

    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.deadline = trio.current_time() + SOON
        nursery.start_soon(wait)
        for _ in range(20):
            await trio.lowlevel.checkpoint()
        await happen()
    expect(woken, True, f"whether wait_runs() returns within {SOON} s for {why}")


async def _check_quiet(bench: Bench, owner: str) -> None:
    wakes = 0
    with trio.move_on_after(QUIET):
        while wakes < MANY:
            await claim_next(bench, owner.removeprefix(bench.mark))
            await bench.store.wait_runs(owner)
            wakes += 1
    expect(wakes < MANY, True, f"whether a worker wakes fewer than {MANY} times in {QUIET} quiet s")


PROMISES = (
    Promise("claim_next() takes runs by priority and age", runs_come_by_priority),
    Promise("claim_next() takes only runs that fit, past the others", only_what_is_asked_for),
    Promise("claim_next() takes free runs that have work to do", free_runs_with_work_are_taken),
    Promise("each run is taken by one of many workers", each_run_has_one_worker),
    Promise("list_queues() and list_owners() show who works on what", queues_can_be_listed),
    Promise("an enqueued run wakes a waiting worker", work_wakes),
)
