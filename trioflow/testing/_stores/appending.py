"""Promises about appends: which are applied, which are refused, and that they are atomic."""

from __future__ import annotations

import attrs
import trio

from trioflow.abc import Append, Entry, Store
from trioflow.errors import JournalConflictError
from trioflow.testing._stores.bench import (
    LONG_AGO,
    Bench,
    Promise,
    entry,
    expect,
    expect_conflict,
)


async def entries_come_back(bench: Bench) -> None:
    """Check several appends with gaps between entries."""
    await bench.do(bench.first("a", 0, 1, 5))
    await bench.do(bench.following("a", 5, 6), bench.first("b", 3))
    await bench.do(bench.following("a", 6, 2**40))

    wanted = [entry(seq) for seq in (0, 1, 5, 6, 2**40)]
    expect(list(await bench.store.read(bench.id("a"))), wanted, "entries of a run")
    expect(list(await bench.store.read(bench.id("b"))), [entry(3)], "entries of another run")


async def times_and_texts_are_exact(bench: Bench) -> None:
    """Check values that rounding, quoting or truncation might change."""
    texts = ["", "'\"%s:x\\", "\n\r\t ", "é e\u0301 \U0001f600 \uffff", "x" * 1_000_000]
    times = [0.1 + 0.2, 1763851234.123456, 0.0, 2.0**40 + 0.5, -1.5]
    entries = tuple(map(Entry, range(5), times, texts))
    await bench.do(attrs.evolve(bench.first("a"), entries=entries))

    found = await bench.store.read(bench.id("a"))
    expect([one.at for one in found], times, "times")
    expect([one.text for one in found], texts, "strings")


async def only_the_last_entry_can_be_followed(bench: Bench) -> None:
    """Check the guard against two writers."""
    await bench.do(bench.first("a", 0, 1, 4))

    for after in (-1, 0, 1, 3, 5):
        await bench.refuse(bench.following("a", after, 6), f"after seq {after} of 4")
    await bench.refuse(bench.following("a", 3, status="failed"), "of a status after seq 3 of 4")
    await bench.refuse(bench.following("a", 3, 4), "of an entry that is already stored")
    await bench.do(bench.following("a", 4, 6))


async def a_run_begins_once(bench: Bench) -> None:
    """Check that a header is accepted once, and that no run exists without one."""
    await bench.refuse(bench.following("a", -1, 0), "to a run that does not exist")
    await bench.refuse(bench.following("a", 3, 4), "in the middle of a run that does not exist")
    late = attrs.evolve(bench.first("a"), after=3, entries=(entry(4),))
    await bench.refuse(late, "that creates a run after seq 3")
    await bench.do(bench.first("a", 0))
    again = bench.header("a", workflow_id="another", created_at=LONG_AGO + 1)
    await bench.refuse(bench.following("a", -1, 0, header=again), "that creates an existing run")
    await bench.refuse(bench.following("a", 0, 1, header=again), "that creates a run again")


async def entries_ascend(bench: Bench) -> None:
    """Check that entries that do not ascend are refused as a whole."""
    await bench.do(bench.first("a", 0, 1))

    for seqs in [(2, 2), (3, 2), (2, 4, 3), (1, 2), (0,)]:
        await bench.refuse(bench.following("a", 1, *seqs), f"of the entries {seqs} after 1")
    await bench.refuse(bench.first("b", 1, 1), "of the entries (1, 1) to a new run")


async def the_refused_do_not_disturb(bench: Bench) -> None:
    """Check a call with valid and invalid appends."""
    await bench.do(bench.first("a", 0), bench.first("b", 0))
    appends = [
        bench.following("a", 0, 1),
        bench.following("b", 7, 8),
        bench.first("c", 0),
        bench.first("a", 0),
        bench.following("unknown", -1, 0),
        bench.following("b", 0, 1),
        attrs.evolve(bench.first("d"), entries=(Entry(0, 0.0, "\ud800"),)),
        bench.first("e", 0),
    ]

    results = await bench.store.append(appends)

    expect(len(results), len(appends), "number of results")
    for index in (1, 3, 4):
        expect_conflict(
            results[index], appends[index], "that is invalid, in a call with valid ones"
        )
    for index in (0, 2, 5, 7):
        expect(results[index], None, "result of a valid append in a call with invalid ones")
    found = {name: await bench.seqs(name) for name in ("a", "b", "c", "unknown", "e")}
    wanted = {"a": [0, 1], "b": [0, 1], "c": [0], "unknown": [], "e": [0]}
    expect(found, wanted, "entries after a call in which some were refused")
    expect(await bench.store.get(bench.id("unknown")), None, "run that was never created")


async def appends_of_a_call_follow_each_other(bench: Bench) -> None:
    """Check a call with several appends to the same run."""
    appends = [
        bench.following("a", -1, 0),  # too early
        bench.first("a", 0),
        bench.first("a", 0),  # too late
        bench.following("a", 0, 1),
        bench.following("a", 0, 2),  # not after the last one
        bench.following("a", 1, 2, status="success"),
    ]

    results = await bench.store.append(appends)

    refused = [isinstance(result, JournalConflictError) for result in results]
    wanted = [True, False, True, False, True, False]
    expect(refused, wanted, "which appends of one call to one run are refused")
    expect(await bench.seqs("a"), [0, 1, 2], "entries of appends of one call")
    early = await bench.store.append([bench.following("b", -1), bench.first("b")])
    expect([one is None for one in early], [False, True], "which is done of a change and the begin")
    expect((await bench.stored("a")).status, "success", "status behind appends of one call")


async def appends_may_be_empty(bench: Bench) -> None:
    """Check an append without entries, and a call without appends."""
    expect(list(await bench.store.append([])), [], "results of a call without appends")
    await bench.do(bench.first("a", status="pending"))
    begun = await bench.stored("a")
    expect((begun.last_seq, begun.updated_at), (-1, LONG_AGO), "end of a journal without entries")
    await bench.do(bench.following("a", -1, 0))
    await bench.do(bench.following("a", 0, status="failed"))
    ended = await bench.stored("a")
    expect((ended.last_seq, ended.status), (0, "failed"), "run after a change of status only")
    expect(ended.updated_at, LONG_AGO, "updated_at, which is the time of the last entry")


async def one_of_many_wins(bench: Bench) -> None:
    """Check the guard with concurrent appends from two stores."""
    await bench.do(bench.first("a", 0))
    results: list[JournalConflictError | None] = []

    async def append(store: Store, append: Append) -> None:
        results.extend(await store.append([append]))

    async with bench.another_store() as other, trio.open_nursery() as nursery:
        for index in range(6):
            store = [bench.store, other][index % 2]
            nursery.start_soon(append, store, bench.following("a", 0, 1 + index))
            nursery.start_soon(append, store, bench.first("b", index))

    expect(results.count(None), 2, "number of winning appends, of 6 each to two runs at once")
    for name, before in [("a", [0]), ("b", [])]:
        expect(len(await bench.seqs(name)), len(before) + 1, "entries after 6 concurrent appends")


PROMISES = (
    Promise("read() returns entries as they were appended", entries_come_back),
    Promise("times and strings are kept exactly", times_and_texts_are_exact),
    Promise(
        "append() continues a journal only after its last entry",
        only_the_last_entry_can_be_followed,
    ),
    Promise("append() creates a run once, with its header", a_run_begins_once),
    Promise("append() refuses all entries if they do not ascend", entries_ascend),
    Promise("a refused append does not affect the others", the_refused_do_not_disturb),
    Promise("the appends of one call are applied in order", appends_of_a_call_follow_each_other),
    Promise("an append may have no entries", appends_may_be_empty),
    Promise("exactly one of several conflicting concurrent appends wins", one_of_many_wins),
)
