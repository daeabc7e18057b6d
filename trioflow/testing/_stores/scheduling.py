"""Promises about schedules and ticks, for stores that keep them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import attrs
import trio

from trioflow.abc import DAY, ScheduleStore, StoredSchedule, TickRecord
from trioflow.errors import StoreError
from trioflow.testing._stores.bench import Bench, Promise, expect, expect_conflict
from trioflow.testing._stores.looking import FAR

NOW = 1_000_000.0
"""The watermark of the schedules of a check: early in 1970."""
ODD = "Üñï \u2028 case CASE 'quoted' \"twice\" \\ %s {} \U0001f600"
Check = Callable[["Diary"], Awaitable[None]]


@attrs.frozen
class Diary:
    """The bench, and the schedules that a check keeps on it."""

    bench: Bench
    store: ScheduleStore
    _used: set[str] = attrs.field(factory=set)

    def schedule(self, name: str, **fields: Any) -> StoredSchedule:
        """Return a schedule of this check."""
        id = self.bench.id(name)
        self._used.add(id)
        defaults: dict[str, Any] = {"workflow_id": "w", "rule": "{}", "options": "{}"}
        defaults |= {"watermark": NOW, "since": NOW}
        return StoredSchedule(id=id, **defaults | fields)

    async def put(self, name: str, **fields: Any) -> StoredSchedule:
        """Create a schedule, and return it as it is stored."""
        schedule = self.schedule(name, **fields)
        expect(await self.store.put_schedule(schedule, if_version=None), True, "put_schedule()")
        return await self.stored(name)

    async def stored(self, name: str) -> StoredSchedule:
        """Return a schedule that must exist."""
        found = await self.store.get_schedule(self.bench.id(name))
        if found is None:
            raise AssertionError(f"get_schedule() does not find {self.bench.id(name)!r}")
        return found

    def tick(self, name: str, at: float, **fields: Any) -> TickRecord:
        """Return the record of a tick of this check."""
        defaults: dict[str, Any] = {"decision": "decided", "decided_at": NOW}
        return TickRecord(schedule=self.bench.id(name), at=at, **defaults | fields)

    async def decide(self, name: str, *ticks: TickRecord, **changes: Any) -> bool:
        """Advance a schedule as it is stored now, with changes."""
        found = await self.stored(name)
        given: dict[str, Any] = {"version": found.version, "to": found.watermark}
        given["after"] = found.watermark
        return await self.store.advance(found.id, ticks=ticks, **given | changes)

    async def ticks(self, name: str | None, **chosen: Any) -> list[TickRecord]:
        """Return the records that the store lists."""
        id = None if name is None else self.bench.id(name)
        return list(await self.store.list_ticks(id, **chosen))

    async def clean_up(self) -> None:
        """Delete all schedules of this check."""
        for id in self._used:
            await self.store.delete_schedule(id)


def of_schedules(check: Check) -> Callable[[Bench], Awaitable[None]]:
    """Return a check for stores that keep schedules; it passes for all others."""

    async def checked(bench: Bench) -> None:
        if isinstance(bench.store, ScheduleStore):
            diary = Diary(bench, bench.store)
            await check(diary)
            await diary.clean_up()

    return checked


async def it_keeps_schedules(diary: Diary) -> None:
    """Check that schedules are returned as they came, in order, until they are deleted."""
    bench, store = diary.bench, diary.store
    given = diary.schedule(f"b {ODD}", input=f'"{ODD}"', reason=ODD, is_paused=True, wake_at=2.5)
    given = attrs.evolve(given, is_declared=True, kept_since=0.1 + 0.2, starts=3)
    expect(await store.put_schedule(given, if_version=None), True, "put_schedule()")
    await diary.put("a")
    stored = await diary.stored(f"b {ODD}")
    expect(attrs.evolve(stored, version=0), given, "schedule")
    ours = [each.id for each in await store.list_schedules() if bench.mark in each.id]
    expect(ours, [bench.id("a"), bench.id(f"b {ODD}")], "ids of the listed schedules")
    async with bench.another_store() as other:
        assert isinstance(other, ScheduleStore)
        expect(await other.get_schedule(stored.id), stored, "schedule in another store")
    await diary.decide("a", diary.tick("a", NOW))
    expect(await store.delete_schedule(bench.id("a")), True, "delete_schedule()")
    expect(await store.delete_schedule(bench.id("a")), False, "delete_schedule(), again")
    expect(await store.get_schedule(bench.id("a")), None, "schedule that was deleted")
    await diary.put("a")
    expect(await diary.ticks("a"), [], "records of a schedule that was deleted and put again")


async def it_replaces_one_version(diary: Diary) -> None:
    """Check that a schedule is replaced only by who knows its version, and created once."""
    first = await diary.put("a")
    put = diary.store.put_schedule
    expect(await put(first, if_version=None), False, "put_schedule() of one that exists")
    changed = attrs.evolve(first, rule="[]")
    expect(await put(changed, if_version=first.version), True, "put_schedule() of its version")
    expect((await diary.stored("a")).rule, "[]", "rule")
    expect(await put(first, if_version=first.version), False, "put_schedule() of an old version")
    expect((await diary.stored("a")).rule, "[]", "rule after a refused put_schedule()")
    await diary.store.delete_schedule(first.id)
    expect(await put(first, if_version=first.version), False, "put_schedule() of a deleted one")
    again = await diary.put("a")
    if again.version <= first.version:
        raise AssertionError(f"version {again.version} is not above that of the deleted schedule")


async def it_puts_many_at_once(diary: Diary) -> None:
    """Check that of many schedules those are put whose versions are as expected."""
    known, stale = await diary.put("known"), await diary.put("stale")
    expect(await diary.decide("stale", to=NOW + 1), True, "advance()")
    changed = attrs.evolve(known, rule=ODD, wake_at=NOW + 9)
    many = [(diary.schedule(f"new {number}", input=ODD), None) for number in range(300)]
    put = diary.store.put_schedules
    expect(await put([]), [], "put_schedules() of none")
    given: list[tuple[StoredSchedule, int | None]] = [
        (diary.schedule("known"), None), (attrs.evolve(known, rule="late"), stale.version + 1),
    ]  # fmt: skip
    expect(list(await put(given)), [False, False], "put_schedules() of other versions")
    given = [*many, (changed, known.version), (stale, stale.version), (diary.schedule("no"), 1)]
    expect(list(await put(given)), [True] * 301 + [False] * 2, "put_schedules() of many")
    stored = await diary.stored("known")
    expect(attrs.evolve(changed, version=stored.version), stored, "schedule that was replaced")
    if stored.version <= known.version:
        raise AssertionError("put_schedules() does not raise the version")
    expect((await diary.stored("stale")).watermark, NOW + 1, "watermark of one that is not put")
    expect((await diary.stored("new 299")).input, ODD, "input of the last")
    expect(await diary.store.get_schedule(diary.bench.id("no")), None, "replaced, but not there")


async def one_of_many_decides(diary: Diary) -> None:
    """Check that a watermark is moved once, with its records, and otherwise nothing changes."""
    before = await diary.put("a")
    results: list[bool] = []

    async def decide(store: ScheduleStore, owner: str) -> None:
        tick = diary.tick("a", NOW + 1, owner=owner, reason=ODD, number_missed=2, first=NOW)
        given: dict[str, Any] = {"version": before.version, "after": NOW, "to": NOW + 1}
        results.append(await store.advance(before.id, ticks=[tick], wake_at=NOW + 2, **given))

    async with diary.bench.another_store() as other, trio.open_nursery() as nursery:
        assert isinstance(other, ScheduleStore)
        for number in range(3):
            for store in (diary.store, other):
                nursery.start_soon(decide, store, f"{number} {store is other}")
    expect(sorted(results), [False] * 5 + [True], "results of concurrent advance()")
    expect(len(await diary.ticks("a")), 1, "number of records")
    after = await diary.stored("a")
    expect((after.watermark, after.wake_at, after.starts), (NOW + 1, NOW + 2, 1), "schedule")
    if after.version <= before.version:
        raise AssertionError("advance() does not change the version")
    others: dict[str, dict[str, Any]]
    others = {"version": {"version": before.version}, "watermark": {"after": 1.0}}
    for name, change in others.items():
        refused = await diary.decide("a", diary.tick("a", NOW + 2), **change)
        expect(refused, False, f"advance() with another {name}")
    given: dict[str, Any] = {"version": 1, "after": 1.0, "to": 2.0, "ticks": ()}
    expect(await diary.store.advance("no such schedule", **given), False, "advance() of none")
    expect(await diary.stored("a"), after, "schedule after a refused advance()")


async def a_tick_starts_once(diary: Diary) -> None:
    """Check that a decided tick starts with the header of its run, and never again."""
    bench = diary.bench
    await diary.put("a")
    key = (bench.id("a"), NOW + 1)
    first = bench.first("a run", 0, tick=key)
    await bench.refuse(first, "for a tick without a record")
    await diary.decide("a", diary.tick("a", NOW + 1, decision="queued"))
    await bench.refuse(first, "for a tick that is not decided")
    decided = diary.tick("a", NOW + 1, run_id=bench.id("a run"))
    expect(await diary.decide("a", decided), True, "advance() of a queued tick")
    await bench.do(bench.first("taken", 0))
    await bench.refuse(bench.first("taken", 1, tick=key), "for an id that is taken")
    expect(await diary.ticks("a"), [decided], "record after a refused append")
    await bench.do(first)
    started = attrs.evolve(decided, decision="started")
    expect(await diary.ticks("a"), [started], "record of a tick whose run has begun")
    results = await diary.store.append([first])
    expect_conflict(results[0], first, "of a run that exists")
    await diary.store.delete(bench.id("a run"))
    await bench.refuse(first, "for a tick whose run was deleted")
    before = await diary.stored("a")
    both = (diary.tick("a", NOW + 5), diary.tick("a", NOW + 1, decision="missed"))
    expect(await diary.decide("a", *both, to=NOW + 5), False, "advance() of a started tick")
    expect(await diary.stored("a"), before, "schedule after it")
    expect(await diary.ticks("a"), [started], "records after it")


async def it_lists_records(diary: Diary) -> None:
    """Check the order of the records, and their filters."""
    await diary.put("a")
    await diary.put("b")
    records = [diary.tick("a", NOW + number, decision="missed", by=ODD) for number in range(5)]
    records[2] = attrs.evolve(records[2], decision="queued", count=7, overlap="cancel")
    await diary.decide("a", *records)
    other = diary.tick("b", NOW + 2.5, decision="queued")
    await diary.decide("b", other)
    expect(await diary.ticks("a"), records[::-1], "records, newest first")
    expect(await diary.ticks("a", limit=2), records[:2:-1], "the first two")
    expect(await diary.ticks("a", limit=FAR), records[::-1], f"the first {FAR}")
    expect(
        await diary.ticks("a", limit=None, after=NOW + 1, before=NOW + 4), records[3:1:-1], "some"
    )
    expect(await diary.ticks("a", decisions=("queued",)), [records[2]], "queued ones")
    expect(await diary.ticks("no"), [], "those of an unknown schedule")
    ours = {record.schedule for record in records} | {other.schedule}
    every = [each for each in await diary.ticks(None, limit=None) if each.schedule in ours]
    expect(every, [*records[:2:-1], other, *records[2::-1]], "those of all schedules")


async def it_removes_old_records_only(diary: Diary) -> None:
    """Check that records near or after the watermark, and open ones, are never removed."""
    await diary.put("a")
    times = [NOW + 60, NOW, NOW - DAY + 1, NOW - DAY - 1, NOW - DAY - 2, NOW - 2 * DAY]
    records = [diary.tick("a", at, decision="skipped") for at in times]
    records[4] = attrs.evolve(records[4], decision="queued")
    await diary.decide("a", *records)
    id = diary.bench.id("a")
    expect(await diary.store.prune_ticks(id, NOW - 1.5 * DAY), 1, "number of removed records")
    expect(await diary.ticks("a"), records[:5], "records that are kept")
    expect((await diary.stored("a")).kept_since, NOW - 2 * DAY, "kept_since")
    expect(await diary.store.prune_ticks(id, NOW + DAY), 1, "number of removed records")
    expect(await diary.ticks("a"), [*records[:3], records[4]], "records that are always kept")
    expect((await diary.stored("a")).kept_since, NOW - DAY - 1, "kept_since")
    expect(await diary.store.prune_ticks("no such schedule", NOW), 0, "number for an unknown one")


async def it_knows_when_to_wake(diary: Diary) -> None:
    """Check that the earliest hint after a time is returned."""
    for name, hint in {"a": NOW + 2, "b": NOW + 1, "c": None}.items():
        await diary.put(name, wake_at=hint)
    expect(await diary.store.wake(NOW), NOW + 1, "wake()")
    expect(await diary.store.wake(NOW + 1), NOW + 2, "wake() after the first")
    expect(await diary.decide("b", wake_at=NOW + 1.5), True, "advance() without records")
    expect(await diary.store.wake(NOW), NOW + 1.5, "wake() after an advance()")
    earlier = await diary.store.now()
    if not earlier <= await diary.store.now() < earlier + 3600:
        raise AssertionError("now() does not advance with time")


async def a_reader_changes_nothing(diary: Diary) -> None:
    """Check that a read-only store reads schedules and refuses to write."""
    stored = await diary.put("a")
    await diary.decide("a", diary.tick("a", NOW))
    before = await diary.stored("a")
    async with diary.store.read_only() as reader:
        assert isinstance(reader, ScheduleStore)
        expect(await reader.get_schedule(stored.id), before, "schedule")
        expect(list(await reader.list_ticks(stored.id)), await diary.ticks("a"), "records")
        given: dict[str, Any] = {"version": before.version, "after": NOW, "to": NOW, "ticks": ()}
        writes: dict[str, Callable[[], Awaitable[object]]] = {
            "put_schedules": partial(reader.put_schedules, [(before, before.version)]),
            "delete_schedule": partial(reader.delete_schedule, before.id),
            "advance": partial(reader.advance, before.id, **given),
            "prune_ticks": partial(reader.prune_ticks, before.id, NOW),
        }
        for name, call in writes.items():
            try:
                await call()
            except StoreError:
                continue
            raise AssertionError(f"{name}() of a read-only store does not raise StoreError")
    expect(await diary.stored("a"), before, "schedule after a reader has tried to write")


PROMISES = tuple(
    Promise(text, of_schedules(check))
    for text, check in (
        ("a store keeps schedules", it_keeps_schedules),
        ("put_schedule() replaces one version", it_replaces_one_version),
        ("put_schedules() puts many at once", it_puts_many_at_once),
        ("advance() succeeds once", one_of_many_decides),
        ("a decided tick starts once", a_tick_starts_once),
        ("list_ticks() lists the newest first", it_lists_records),
        ("prune_ticks() keeps what is needed", it_removes_old_records_only),
        ("wake() returns the earliest hint", it_knows_when_to_wake),
        ("a read_only() store does not change schedules", a_reader_changes_nothing),
    )
)
