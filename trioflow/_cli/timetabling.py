"""Changes schedules, and starts runs of them by hand."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime

from trioflow._cli.display import say
from trioflow._cli.errors import UsageError
from trioflow._cli.owners import asker
from trioflow._cli.stores import need_store, open_asking
from trioflow._cli.tables import print_lines
from trioflow._cli.text import clean
from trioflow._cli.times import read_moment
from trioflow._cli.timetable import (
    TICK_HEADERS,
    find_schedule,
    need_schedules,
    tick_row,
)
from trioflow.errors import TrioflowError
from trioflow.schedules import Overlap, Schedules
from trioflow.schedules._deciding import moment_of

PENDING = "an engine that keeps its schedules will start it: trioflow serve, or schedule=True"


@asynccontextmanager
async def open_schedules(id: str, store_url: str | None) -> AsyncGenerator[Schedules, None]:
    """Open the schedules of a store that has a certain one.

    Raises:
      UsageError: if there is no such store or schedule.
    """
    async with open_asking(need_store(store_url)) as (engine, store):
        await find_schedule(need_schedules(store), id)
        yield engine.schedules


@contextmanager
def _as_usage_error() -> Generator[None, None, None]:
    """Turn the error for a time that cannot be asked for into one of the command line."""
    try:
        yield
    except ValueError as exc:
        if isinstance(exc, TrioflowError):
            raise
        raise UsageError(str(exc)) from exc


async def pause(id: str, reason: str | None, store_url: str | None) -> None:
    """Pause a schedule."""
    async with open_schedules(id, store_url) as schedules:
        await schedules.pause(id, reason)
    print(f"schedule {clean(id)} is paused")


async def resume(id: str, store_url: str | None) -> None:
    """Resume a schedule."""
    async with open_schedules(id, store_url) as schedules:
        await schedules.resume(id)
    print(f"schedule {clean(id)} is resumed")


async def delete(id: str, store_url: str | None) -> None:
    """Delete a schedule."""
    async with open_schedules(id, store_url) as schedules:
        await schedules.delete(id)
    print(f"schedule {clean(id)} is deleted")


async def trigger(id: str, at: str | None, overlap: Overlap | None, store_url: str | None) -> None:
    """Decide about a tick, which an engine then starts.

    Raises:
      UsageError: if *at* is not a point in time, or in the future.
      TickTakenError: if the tick has started.
    """
    moment = None if at is None else moment_of(read_moment(at, "--at", time.time()))
    async with open_schedules(id, store_url) as schedules:
        with _as_usage_error():
            record = await schedules.trigger(id, moment, overlap=overlap, by=asker())
    print_lines(TICK_HEADERS, [tick_row(record)], "")
    if record.decision in ("decided", "queued"):
        say(PENDING)


async def backfill(
    id: str,
    since: str,
    until: str | None,
    overlap: Overlap | None,
    dry_run: bool,
    store_url: str | None,
) -> None:
    """Decide about past ticks, which an engine then starts.

    Raises:
      UsageError: if a time is not a point in time or in the future, they are in the wrong order,
        or there are too many ticks.
    """
    now = time.time()
    first = moment_of(read_moment(since, "--from", now))
    async with open_schedules(id, store_url) as schedules:
        last: datetime = moment_of(now if until is None else read_moment(until, "--to", now))
        with _as_usage_error():
            records = await schedules.backfill(
                id, first, last, overlap=overlap, dry_run=dry_run, by=asker()
            )
    print_lines(TICK_HEADERS, [tick_row(each) for each in records], "no ticks without a run")
    if dry_run:
        say("nothing has been done; leave --dry-run out to do it")
    elif records:
        say(PENDING)
