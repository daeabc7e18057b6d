"""Promises about finding runs that need a process to continue them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trioflow.abc import StoredRun
from trioflow.events import ACTIVE_STATUSES, FINISHED_STATUSES, WAITING_STATUSES
from trioflow.testing._stores.bench import LONG_AGO, Bench, Promise, expect
from trioflow.testing._stores.claiming import LONG

NOW = LONG_AGO + 100
UNFINISHED = (*ACTIVE_STATUSES, *WAITING_STATUSES)


async def what_has_work_is_found(bench: Bench) -> None:
    """Check, for each status, runs without extras, with a request, and with a due time."""
    for status in (*UNFINISHED, *sorted(FINISHED_STATUSES)):
        for extra in ("plain", "asked", "due", "late"):
            due_at = {"due": NOW, "late": NOW + 1}.get(extra)
            await bench.do(bench.first(f"{status} {extra}", 0, status=status, due_at=due_at))
            if extra == "asked" and status not in FINISHED_STATUSES:
                await bench.post(f"{status} {extra}")
    await bench.do(bench.first("no longer due", 0, status="suspended", due_at=NOW))
    await bench.do(bench.following("no longer due", 0, 1, status="suspended"))
    expect((await bench.stored("suspended late")).due_at, NOW + 1, "due_at after an append")

    wanted = {f"{status} {extra}" for status in UNFINISHED for extra in ("asked", "due")}
    wanted |= {f"running {extra}" for extra in ("plain", "late")}
    expect(set(await _names(bench)), wanted, "runs that have work to do")


async def the_free_are_found(bench: Bench) -> None:
    """Check that only runs that can be claimed are found."""
    me, you = f"{bench.mark}me", f"{bench.mark}you"
    await bench.do(
        bench.first("held", 0, owner=me, claim_seconds=LONG),
        bench.first("expired", 0, owner=me, claim_seconds=0.0),
        bench.first("released", 0, owner=me, claim_seconds=LONG),
        bench.first("asked", 0, owner=you, claim_seconds=LONG, status="suspended"),
    )
    await bench.store.release(bench.id("released"), me)
    await bench.post("asked")
    expect(set(await _names(bench)), {"expired", "released"}, "free runs")
    await bench.store.release(bench.id("asked"), you)
    expect(set(await _names(bench)), {"expired", "released", "asked"}, "free runs after a release")


async def the_oldest_are_found_first(bench: Bench) -> None:
    """Check the order, the pages and the filter for workflows."""
    ages = {"c": 2.0, "a": 3.0, "B": 1.0, "b": 1.0, "é": 1.0, "z": 0.5}
    for name, age in ages.items():
        header = bench.header(name, created_at=LONG_AGO + age)
        await bench.do(bench.following(name, -1, 0, header=header))
    other = bench.header("other", workflow_id=f"{bench.mark}other", created_at=LONG_AGO)
    await bench.do(bench.following("other", -1, 0, header=other))

    order = ["z", "B", "b", "é", "c", "a"]
    expect(await _names(bench), ["other", *order], "order of free runs")
    ours: dict[str, Any] = {"workflow_ids": [bench.header("a").workflow_id, "nothing"]}
    expect(await _names(bench, **ours), order, "runs of some workflows")
    expect(await _names(bench, workflow_ids=[]), [], "runs of no workflow")
    expect(await _names(bench, limit=4, **ours), order[:4], "the four oldest")
    page = await _find(bench, limit=2, **ours)
    rest = await _names(bench, cursor=page[-1].cursor, **ours)
    expect(rest, order[2:], "runs after the second")
    expect(page[0], await bench.stored("z"), "run from list_claimable(), compared with get()")


async def _find(bench: Bench, **options: Any) -> Sequence[StoredRun]:
    asked = {"now": NOW, "limit": 10_000, **options}
    return await bench.store.list_claimable(**asked)


async def _names(bench: Bench, **options: Any) -> list[str]:
    found = [run.header.run_id for run in await _find(bench, **options)]
    return [run_id.removeprefix(bench.mark) for run_id in found if run_id.startswith(bench.mark)]


PROMISES = (
    Promise("list_claimable() finds runs that have work to do", what_has_work_is_found),
    Promise("list_claimable() finds only runs that are free", the_free_are_found),
    Promise("list_claimable() returns the oldest runs first, in pages", the_oldest_are_found_first),
)
