"""Put schedules into the store, pause and resume them: what changes a schedule, but no tick."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

import attrs
import trio

from trioflow.abc import StoredSchedule
from trioflow.errors import UnknownNameError
from trioflow.schedules._book import Book, next_due, stored_of
from trioflow.schedules._schedule import Schedule

AT_ONCE = 500
"""How many schedules are put in one transaction, and without a turn for other tasks."""

Given: TypeAlias = tuple[Schedule, str | None]
"""A schedule, and its input as the store keeps it."""


async def declare(book: Book) -> None:
    """Put the schedules of this program into the store, as far as they are new or have changed.

    Raises:
      StoreError: if the store fails.
    """
    if not book.declared:
        return
    known = {each.id: each for each in await book.store.list_schedules()}
    declared = list(book.declared.values())
    for first in range(0, len(declared), AT_ONCE):
        given: list[Given] = [(each, None) for each in declared[first : first + AT_ONCE]]
        await put(book, given, known, is_declared=True)


async def put(
    book: Book,
    given: Sequence[Given],
    known: Mapping[str, StoredSchedule],
    *,
    is_declared: bool = False,
) -> None:
    """Put schedules into the store, as far as they differ from what is known of them.

    Raises:
      StoreError: if the store fails.
    """
    while given:
        now = await book.store.now()
        changes, changed = [], []
        for schedule, text in given:
            old = known.get(schedule.id)
            fresh = _fresh(schedule, text, old, now, is_declared)
            if fresh is not None:
                changes.append((fresh, None if old is None else old.version))
                changed.append((schedule, text))
        results = await book.store.put_schedules(changes) if changes else ()
        given = []
        for each, is_applied in zip(changed, results, strict=True):
            if is_applied:
                book.touch(each[0].id)
            else:
                given.append(each)  # another process was faster
        known = await find(book, [schedule.id for schedule, _ in given])


async def find(book: Book, ids: Sequence[str]) -> Mapping[str, StoredSchedule]:
    """Return those of some schedules that exist."""
    found = [await book.store.get_schedule(id) for id in ids]
    return {stored.id: stored for stored in found if stored is not None}


def _fresh(
    schedule: Schedule, text: str | None, old: StoredSchedule | None, now: float, is_declared: bool
) -> StoredSchedule | None:
    """Return what to store of a schedule; None if that is stored already."""
    fresh = stored_of(schedule, now, input=text, is_declared=is_declared, wake_at=None)
    if old is not None:
        fresh = _continued(fresh, old)
        if fresh == attrs.evolve(old, wake_at=None):
            return None
    wake_at = None if fresh.is_paused else next_due(schedule, fresh)
    return attrs.evolve(fresh, wake_at=wake_at)


def _continued(fresh: StoredSchedule, known: StoredSchedule) -> StoredSchedule:
    """Return what a schedule becomes that was known before."""
    fresh = attrs.evolve(
        fresh,
        version=known.version,
        is_paused=known.is_paused,
        reason=known.reason,
        kept_since=known.kept_since,
    )
    if (fresh.rule, fresh.workflow_id) != (known.rule, known.workflow_id):
        return fresh  # the past is not started
    return attrs.evolve(fresh, watermark=known.watermark, since=known.since, starts=known.starts)


async def pause(book: Book, id: str, reason: str | None) -> None:
    """Pause a schedule.

    Raises:
      UnknownNameError: if there is no such schedule; StoreError: if the store fails.
    """

    async def paused(known: StoredSchedule) -> StoredSchedule:
        await trio.lowlevel.checkpoint()
        return attrs.evolve(known, is_paused=True, reason=reason, wake_at=None)

    await _change(book, id, paused)


async def resume(book: Book, id: str) -> None:
    """Resume a schedule, with its next tick after now.

    Raises:
      UnknownNameError: if there is no such schedule; StoreError: if the store fails.
    """

    async def resumed(known: StoredSchedule) -> StoredSchedule:
        now = await book.store.now()
        if not known.is_paused:
            return known
        fresh = attrs.evolve(
            known, is_paused=False, reason=None, watermark=max(now, known.watermark), since=now
        )
        return attrs.evolve(fresh, wake_at=next_due(book.show(fresh), fresh))

    await _change(book, id, resumed)


async def _change(
    book: Book, id: str, change: Callable[[StoredSchedule], Awaitable[StoredSchedule]]
) -> None:
    while True:
        known = await get(book, id)
        fresh = await change(known)
        if fresh == known:
            return
        if await book.store.put_schedule(fresh, if_version=known.version):
            book.touch(id)
            return


async def get(book: Book, id: str) -> StoredSchedule:
    """Return a schedule.

    Raises:
      UnknownNameError: if there is no such schedule; StoreError: if the store fails.
    """
    found = await book.store.get_schedule(id)
    if found is None:
        raise await unknown(book, id)
    return found


async def unknown(book: Book, id: str) -> UnknownNameError:
    """Return the error for a schedule that does not exist."""
    known = tuple(each.id for each in await book.store.list_schedules())
    return UnknownNameError("schedule", id, "engine", known)
