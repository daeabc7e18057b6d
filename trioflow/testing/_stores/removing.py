"""Promises about removing: all of a run is removed, and nothing of other runs."""

from __future__ import annotations

from trioflow.events import RunStatus
from trioflow.testing._stores.bench import LONG_AGO, Bench, Promise, expect


async def deleted_runs_are_gone(bench: Bench) -> None:
    """Check that the id of a deleted run can be reused."""
    me, you = f"{bench.mark}me", f"{bench.mark}you"
    await bench.do(bench.first("a", 0, 1, 2, owner=me, claim_seconds=60), bench.first("b", 0))

    expect(await bench.store.delete(bench.id("a")), True, "delete() of a run")
    expect(await bench.journal(bench.id("a")), (None, []), "journal of a deleted run")
    expect(await bench.store.delete(bench.id("a")), False, "delete() of a deleted run")
    expect(await bench.store.renew(me, 60), set(), "claims on a deleted run")
    await bench.refuse(bench.following("a", 2, 3), "to a deleted run")
    expect(await bench.seqs("b"), [0], "entries of another run")
    await bench.do(bench.first("a", 1))
    expect(await bench.seqs("a"), [1], "entries of a new run with the id of a deleted one")
    expect(await bench.store.claim(bench.id("a"), you, 60), True, "claim of the new run")


async def old_runs_are_pruned(bench: Bench) -> None:
    """Check that finished runs are pruned by the time of their last entry."""
    await bench.store.prune(LONG_AGO * 2)  # remove what an earlier, failed check has left
    over: list[RunStatus] = ["success", "failed", "canceled"]
    going: list[RunStatus] = ["pending", "running", "suspended", "paused"]
    for status in over + going:
        for last in (9, 10, 11):
            await bench.do(bench.first(f"{status} {last}", 0, last, status=status))
    await bench.do(bench.first("no entries", status="failed"))

    expect(await bench.store.prune(LONG_AGO + 10), 4, "number of pruned runs")

    kept = {
        f"{status} {last}"
        for status in over + going
        for last in (9, 10, 11)
        if status in going or last >= 10
    }
    for name in [f"{status} {last}" for status in over + going for last in (9, 10, 11)]:
        run, entries = await bench.journal(bench.id(name))
        wanted = (True, 2) if name in kept else (False, 0)
        expect((run is not None, len(entries)), wanted, f"{name}, pruned before 10")
    expect(await bench.store.prune(LONG_AGO + 10), 0, "number of runs pruned by a repeated call")


async def only_some_are_pruned(bench: Bench) -> None:
    """Check that a status can be given, and that claimed runs are not deleted."""
    me = await bench.claimed("held")
    await bench.do(
        bench.first("free", 0),
        bench.first("expired", 0, owner=me, claim_seconds=0.0),
        bench.first("suspended", 0, status="suspended"),
        bench.first("failed", 0, status="failed"),
        bench.first("finished and held", 0, status="success", owner=me, claim_seconds=60),
    )
    choices: list[tuple[tuple[RunStatus, ...] | None, int]] = [
        *(((), 0), (("running", "success"), 3), (("suspended",), 1), (None, 1)),
    ]
    for status, wanted in choices:
        count = await bench.store.prune(LONG_AGO + 10, status)
        expect(count, wanted, f"number of pruned runs with status {status}")
    expect(await bench.seqs("held"), [0], "entries of a claimed run")


PROMISES = (
    Promise("delete() removes everything of a run", deleted_runs_are_gone),
    Promise("prune() deletes only finished runs that are old", old_runs_are_pruned),
    Promise(
        "prune() deletes runs with a given status unless they are claimed", only_some_are_pruned
    ),
)
