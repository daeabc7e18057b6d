"""Promises about reading: pages of entries, descriptions of runs, and lists of runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from trioflow.abc import Entry, StoredRun
from trioflow.events import RunStatus
from trioflow.testing._stores.bench import LONG_AGO, Bench, Promise, entry, expect

FAR = 2**80
"""A number beyond all databases' integers, which people give for "all of them"."""


async def entries_come_in_pages(bench: Bench) -> None:
    """Check that pages are contiguous, wherever they start."""
    seqs = [2 * number for number in range(25)]
    await bench.do(bench.first("a", *seqs[:10]), bench.first("b", *range(50)))
    await bench.do(bench.following("a", seqs[9], *seqs[10:]))

    found: list[Entry] = []
    after = -1
    for _ in seqs:  # bounded, in case the store is broken
        page = await bench.store.read(bench.id("a"), after, 7)
        expect(len(page) <= 7, True, "whether a page of 7 has at most 7 entries")
        found += page
        after = page[-1].seq if page else after
    expect(found, [entry(seq) for seq in seqs], "entries in pages of 7")
    places = [(5, 2, [6, 8]), (6, 1, [8]), (48, 9, []), (99, 9, []), (46, FAR, [48]), (FAR, 9, [])]
    for after, limit, wanted in places:
        page = await bench.store.read(bench.id("a"), after, limit)
        expect([one.seq for one in page], wanted, f"up to {limit} entries after {after}")


async def the_unknown_is_unknown(bench: Bench) -> None:
    """Check the results for a run that never existed, and that no call creates it."""
    run_id, owner = bench.id("never"), bench.mark
    for _ in range(2):
        expect(await bench.store.get(run_id), None, "get()")
        expect(list(await bench.store.read(run_id)), [], "read()")
        expect(await bench.store.claim(run_id, owner, 60), False, "claim()")
        expect(await bench.store.renew(owner, 60), set(), "renew()")
        await bench.store.release(run_id, owner)
        expect(await bench.store.delete(run_id), False, "delete()")


async def runs_are_described(bench: Bench) -> None:
    """Check what get() returns, from the first append to the last."""
    plain = bench.header("a")
    full = bench.header(
        "b",
        resource_id="é'\"%",
        created_at=0.1 + 0.2,
        format=12,
        fingerprint='{"é": "' + "x" * 50_000 + '"}',
        tags=("b", "a,'\"\\", "é", "b "),
        input='{"é\U0001f600": [1.5, null]}',
    )
    await bench.do(
        bench.following("a", -1, header=plain, status="pending"),
        bench.following("b", -1, 0, 3, header=full, due_at=0.1 + 0.2),
    )

    wanted = StoredRun(header=plain, status="pending", updated_at=LONG_AGO, last_seq=-1)
    expect(await bench.stored("a"), wanted, "run without entries")
    wanted = StoredRun(
        header=full, status="running", updated_at=LONG_AGO + 3, last_seq=3, due_at=0.1 + 0.2
    )
    expect(await bench.stored("b"), wanted, "run with two entries")
    await bench.do(bench.following("b", 3, 4, 5, status="canceled"))
    wanted = attrs.evolve(
        wanted, status="canceled", updated_at=LONG_AGO + 5, last_seq=5, due_at=None
    )
    expect(await bench.stored("b"), wanted, "finished run")
    await bench.do(bench.following("a", -1, 0, input='["\U0001f600"]'))
    wanted = StoredRun(
        header=attrs.evolve(plain, input='["\U0001f600"]'),
        status="running",
        updated_at=LONG_AGO,
        last_seq=0,
    )
    expect(await bench.stored("a"), wanted, "run whose header gets its input later")
    await bench.do(bench.following("a", 0, 1))
    expect((await bench.stored("a")).header, wanted.header, "header that keeps its input")


async def runs_are_listed(bench: Bench) -> None:
    """Check the order of runs, independent of the order in which they were created."""
    ages = {"c": 2.0, "a": 3.0, "B": 1.0, "b": 1.0, "é": 1.0, "z": 0.5}
    for name, age in ages.items():
        header = bench.header(name, created_at=LONG_AGO + age)
        await bench.do(bench.following(name, -1, 0, header=header))
    await bench.do(bench.following("z", 0, 900))  # changed last, but not created last

    order = [bench.id(name) for name in ("a", "c", "é", "b", "B", "z")]
    ours: dict[str, Any] = {"workflow_id": bench.header("a").workflow_id}
    everything = [id for id in ids_of(await bench.store.list_runs()) if id in order]
    expect(everything, order, "order of all runs")
    for limit in (None, FAR, 100, 6, 4, 1, 0):
        found = ids_of(await bench.store.list_runs(**ours, limit=limit))
        expect(found, order[:limit], f"runs of a workflow, limit={limit}")
    found = ids_of(await bench.store.list_runs(**ours, limit=1, offset=FAR))
    expect(found, [], f"runs of a workflow, offset={FAR}")
    [first] = await bench.store.list_runs(**ours, limit=1)
    expect(first, await bench.stored("a"), "run from list_runs(), compared with get()")


async def pages_of_runs_meet(bench: Bench) -> None:
    """Check that pages by cursor and by offset neither overlap nor miss runs, and the count."""
    ages = [3.0, 1.0, 1.0, 2.0, 1.0, 0.1 + 0.2, 2.0]
    for number, age in enumerate(ages):
        header = bench.header(f"{number}:é", created_at=LONG_AGO + age)
        await bench.do(bench.following(f"{number}:é", -1, 0, header=header))
    ours: dict[str, Any] = {"workflow_id": bench.header("a").workflow_id}
    wanted = ids_of(await bench.store.list_runs(**ours))

    expect(await bench.store.count_runs(**ours), len(ages), "number of runs")
    for size in (1, 2, 3, 7):
        found: list[str] = []
        cursor = None
        for number in range(len(ages)):
            page = await bench.store.list_runs(**ours, limit=size, cursor=cursor)
            by_offset = await bench.store.list_runs(**ours, limit=size, offset=size * number)
            expect(page, by_offset, f"page {number} of {size} by cursor, compared with offset")
            found += ids_of(page)
            cursor = page[-1].cursor if page else cursor
        expect(found, wanted, f"runs in pages of {size}")
    expect(ids_of(await bench.store.list_runs(**ours, offset=5)), wanted[5:], "runs with offset=5")
    try:
        await bench.store.list_runs(cursor="nonsense")
    except ValueError:
        return
    raise AssertionError("list_runs() accepts a string that is not a cursor")


async def runs_are_chosen_by_time_and_tags(bench: Bench) -> None:
    """Check that all tags must match, and which ends of a time span are inclusive."""
    tags = {"none": (), "a": ("a",), "b": ("b", "c"), "ab": ("b", "a"), "A": ("A", "a ", "ab")}
    for number, (name, some) in enumerate(tags.items()):
        fields = {"tags": tuple(bench.mark + tag for tag in some), "created_at": LONG_AGO + number}
        await bench.do(bench.following(name, -1, 0, header=bench.header(name, **fields)))
    ours: dict[str, Any] = {"workflow_id": bench.header("a").workflow_id}
    names = list(tags)
    choices: list[tuple[dict[str, Any], list[str]]] = [
        ({"tags": [f"{bench.mark}a"]}, ["ab", "a"]),
        ({"tags": [f"{bench.mark}b", f"{bench.mark}a"]}, ["ab"]),
        ({"tags": [f"{bench.mark}a", f"{bench.mark}a"]}, ["ab", "a"]),
        ({"tags": [f"{bench.mark}unknown"]}, []),
        ({"since": LONG_AGO + 2}, names[:1:-1]),
        ({"before": LONG_AGO + 2}, names[1::-1]),
        ({"since": LONG_AGO + 1, "before": LONG_AGO + 3}, names[2:0:-1]),
        ({"since": LONG_AGO + 1, "tags": [f"{bench.mark}a"], "before": LONG_AGO + 3}, ["a"]),
        ({"since": LONG_AGO + 3, "before": LONG_AGO + 3}, []),
    ]
    for asked, wanted in choices:
        found = ids_of(await bench.store.list_runs(**ours, **asked))
        expect(found, [bench.id(name) for name in wanted], f"runs with {asked}")
        count = await bench.store.count_runs(**ours, **asked)
        expect(count, len(wanted), f"number of runs with {asked}")


async def runs_are_chosen(bench: Bench) -> None:
    """Check that all criteria must match."""
    statuses: list[RunStatus] = ["pending", "running", "suspended", "success"]
    runs = [
        (status, f"{bench.mark}{workflow}", resource and f"{bench.mark}{resource}")
        for status in statuses
        for workflow in ("w", "W")
        for resource in (None, "r", "R")
    ]
    headers = []
    for number, (status, workflow_id, resource_id) in enumerate(runs):
        fields = {"workflow_id": workflow_id, "resource_id": resource_id}
        headers.append(bench.header(str(number), created_at=LONG_AGO + number, **fields))
        await bench.do(bench.following(str(number), -1, 0, status=status, header=headers[-1]))

    some: list[RunStatus] = ["running", "success", "failed"]
    for asked in (None, some[:1], some, []):
        for workflow in (None, f"{bench.mark}w"):
            for resource in (None, f"{bench.mark}r"):
                found = await bench.store.list_runs(
                    status=asked, workflow_id=workflow, resource_id=resource
                )
                wanted = [
                    header.run_id
                    for header, (status, *_) in zip(headers, runs, strict=True)
                    if (asked is None or status in asked)
                    and workflow in (None, header.workflow_id)
                    and resource in (None, header.resource_id)
                ]
                ours = [id for id in ids_of(found) if id.startswith(bench.mark)]
                what = f"runs of {asked}, {workflow}, {resource}"
                expect(ours, wanted[::-1], what)
                if workflow or resource:
                    count = await bench.store.count_runs(
                        status=asked, workflow_id=workflow, resource_id=resource
                    )
                    expect(count, len(wanted), f"number of {what}")


def ids_of(runs: Iterable[StoredRun]) -> list[str]:
    """Return the ids of runs."""
    return [run.header.run_id for run in runs]


PROMISES = (
    Promise("the pages of read() are contiguous", entries_come_in_pages),
    Promise("a run without appends does not exist", the_unknown_is_unknown),
    Promise("get() returns what was appended", runs_are_described),
    Promise("list_runs() returns the newest runs first, up to the limit", runs_are_listed),
    Promise("list_runs() returns the runs that match all criteria", runs_are_chosen),
    Promise("list_runs() filters by time and tags", runs_are_chosen_by_time_and_tags),
    Promise("the pages of list_runs() are contiguous", pages_of_runs_meet),
)
