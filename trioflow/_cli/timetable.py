"""Prints schedules, their ticks, and the times of cron expressions."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from trioflow._cli.errors import UsageError
from trioflow._cli.output import exclusive_stdout
from trioflow._cli.stores import need_store, open_reading
from trioflow._cli.tables import print_lines
from trioflow._cli.text import clean, safe_json
from trioflow._cli.times import local_time, read_moment
from trioflow._engine.base.given import check_string
from trioflow.abc import ScheduleStore, Store, StoredSchedule, TickRecord
from trioflow.errors import UnreadableScheduleError, suggest
from trioflow.schedules import Cron, Rule, Schedule
from trioflow.schedules._book import next_due
from trioflow.schedules._cron import EARLIEST
from trioflow.schedules._deciding import moment_of
from trioflow.schedules._wire import schedule_of
from trioflow.schedules._words import clock_changes, in_words, zone_of

HEADERS = ("ID", "WORKFLOW", "RULE", "NEXT", "LAST", "RESULT", "STATE")
TICK_HEADERS = ("TICK", "DECISION", "RUN", "BY", "REASON")
AROUND = timedelta(days=2)
"""How long before a time that is asked for the times of an expression begin."""
MOST = 10_000
"""Maximum number of ticks to come that are printed."""
OVERDUE = 300.0
"""Seconds after which a tick that is due should have been decided."""


def need_schedules(store: Store) -> ScheduleStore:
    """Return a store that keeps schedules.

    Raises:
      UsageError: if it does not.
    """
    if not isinstance(store, ScheduleStore):
        raise UsageError("this store keeps no schedules")
    return store


async def find_schedule(store: ScheduleStore, id: str) -> StoredSchedule:
    """Return a stored schedule.

    Raises:
      UsageError: if there is none with this id.
    """
    check_string("schedule", id)
    found = await store.get_schedule(id)
    if found is None:
        known = [each.id for each in await store.list_schedules()]
        hint = suggest(id, known, "see: trioflow schedules")
        raise UsageError(f"there is no schedule {id!r} in the store; {hint}")
    return found


def read(stored: StoredSchedule) -> Schedule:
    """Return what a stored schedule says, without its input.

    Raises:
      UnreadableScheduleError: if it cannot be read here.
    """
    return schedule_of(stored.id, stored.workflow_id, stored.rule, stored.options)


def state_of(stored: StoredSchedule, schedule: Schedule, now: float) -> str:
    """Return why a schedule does not start anything; "" if it does."""
    due = next_due(schedule, stored)
    if stored.is_paused:
        return f"paused: {stored.reason}" if stored.reason else "paused"
    if due is None:
        return "ended"
    if due < now - OVERDUE:
        return "orphaned: no engine declares it" if stored.is_declared else "no engine keeps it"
    return ""


def next_ticks(
    stored: StoredSchedule, schedule: Schedule, now: float, count: int
) -> list[datetime]:
    """Return the next ticks of a schedule, paused or not."""
    left = count if schedule.limit is None else schedule.limit - stored.starts
    after = moment_of(now if stored.is_paused else max(now, stored.watermark))
    return list(islice(schedule.after(after), max(0, min(count, left))))


async def print_schedules(store_url: str | None, as_lines: bool) -> None:
    """List the schedules of a store, as a table or as JSON lines.

    Raises:
      UsageError: if there is no such store.
    """
    with exclusive_stdout() if as_lines else nullcontext() as output:
        async with open_reading(need_store(store_url)) as opened:
            store = need_schedules(opened)
            found = [await _described(store, each) for each in await store.list_schedules()]
        if output is None:
            print_lines(HEADERS, [_row(each) for each in found], "no schedules")
            return
        for each in found:
            await output.write(safe_json(each) + "\n")


async def _described(store: ScheduleStore, stored: StoredSchedule) -> dict[str, Any]:
    try:
        schedule = read(stored)
    except UnreadableScheduleError as error:
        rule, coming, state = None, [], f"cannot be read: {error.problem}"
    else:
        now = await store.now()
        rule, state = in_words(schedule.rules), state_of(stored, schedule, now)
        coming = next_ticks(stored, schedule, now, 1)
    records = await store.list_ticks(stored.id, 1)
    last = records[0] if records else None
    return {
        "id": stored.id,
        "workflow": stored.workflow_id,
        "rule": rule,
        "next": coming[0].isoformat() if coming and not stored.is_paused else None,
        "last": None if last is None else moment_of(last.at).isoformat(),
        "result": None if last is None else await _result(store, last),
        "state": state,
        "declared": stored.is_declared,
        "starts": stored.starts,
    }


async def _result(store: Store, last: TickRecord) -> str:
    run = await store.get(last.run_id) if last.run_id and last.decision == "started" else None
    return last.decision if run is None else run.status


def _row(described: dict[str, Any]) -> Sequence[str]:
    times = [
        local_time(datetime.fromisoformat(described[key]).timestamp()) if described[key] else "-"
        for key in ("next", "last")
    ]
    texts = (described["id"], described["workflow"], described["rule"] or "-", *times)
    return [*texts, described["result"] or "-", described["state"]]


async def print_schedule(id: str, count: int, store_url: str | None) -> None:
    """Print a schedule and its next ticks.

    Raises:
      UsageError: if there is no such schedule or store.
      UnreadableScheduleError: if it cannot be read here, after what is known of it.
    """
    _check_count(count)
    async with open_reading(need_store(store_url)) as opened:
        store = need_schedules(opened)
        stored = await find_schedule(store, id)
        now = await store.now()
        described = await _described(store, stored)
    for name in ("id", "workflow", "rule", "state", "result", "starts"):
        shown = described[name]
        print(f"{name + ':':10}{clean('-' if shown in (None, '') else str(shown))}")
    schedule = read(stored)
    print(f"{'overlap:':10}{schedule.overlap}")
    print(f"{'missed:':10}{schedule.missed}, caught up for {max(schedule.catch_up, 60):g} s")
    if schedule.note:
        print(f"{'note:':10}{clean(schedule.note)}")
    print("next:")
    _print_times(next_ticks(stored, schedule, now, count), zone_of(schedule.rules))


def _check_count(count: int) -> None:
    if count < 0:
        raise UsageError("--next must not be negative")
    if count > MOST:
        raise UsageError(f"--next must not be more than {MOST}")


def print_explanation(expression: str, zone: str, around: str | None, count: int) -> None:
    """Print the times of a cron expression.

    Raises:
      UsageError: if an option is invalid.
      DefinitionError: if the expression or the zone is.
    """
    _check_count(count)
    rule = Cron(expression, zone)
    since = datetime.now(UTC)
    if around is not None:
        moment = moment_of(read_moment(around, "--around", time.time()))
        since = max(moment, EARLIEST + AROUND) - AROUND
    rules: Sequence[Rule] = [rule]
    print(in_words(rules))
    _print_times(list(islice(rule.after(since), count)), zone_of(rules))


def _print_times(ticks: Sequence[datetime], zone: ZoneInfo) -> None:
    for line in _lines(ticks, zone):
        print(f"  {line}")


def _lines(ticks: Sequence[datetime], zone: ZoneInfo) -> Iterator[str]:
    changes = list(clock_changes(zone, ticks[0], ticks[-1])) if ticks else []
    for tick in ticks:
        while changes and changes[0] <= tick:
            change = changes.pop(0)
            before = (change - timedelta(minutes=1)).astimezone(zone).utcoffset()
            after = change.astimezone(zone).utcoffset()
            yield f"-- the clock changes at {change:%Y-%m-%d %H:%MZ}: {_hours(before, after)}"
        yield f"{tick.astimezone(zone):%a %Y-%m-%d %H:%M:%S %z}  {tick:%Y-%m-%dT%H:%M:%SZ}"


def _hours(before: timedelta | None, after: timedelta | None) -> str:
    minutes = ((after or timedelta()) - (before or timedelta())).total_seconds() / 60
    return f"{minutes:+.0f} minutes"


async def print_ticks(id: str, limit: int, store_url: str | None, as_lines: bool) -> None:
    """List the records of a schedule, the newest first.

    Raises:
      UsageError: if there is no such schedule or store.
    """
    if limit < 0:
        raise UsageError("--limit must not be negative")
    with exclusive_stdout() if as_lines else nullcontext() as output:
        async with open_reading(need_store(store_url)) as opened:
            store = need_schedules(opened)
            await find_schedule(store, id)
            found = await store.list_ticks(id, limit or None)
        if output is None:
            print_lines(TICK_HEADERS, [tick_row(each) for each in found], "no ticks")
            return
        for each in found:
            await output.write(safe_json(tick_json(each)) + "\n")


def tick_row(record: TickRecord) -> Sequence[str]:
    """Return the cells of a record."""
    merged = f" ({record.count:,} ticks)" if record.count > 1 else ""
    decision = record.decision + merged
    cells = (record.run_id, record.by, record.reason)
    return [local_time(record.at), decision, *(cell or "-" for cell in cells)]


def tick_json(record: TickRecord) -> dict[str, Any]:
    """Return a record as JSON."""
    return {
        "tick": moment_of(record.at).isoformat(),
        "decision": record.decision,
        "run_id": record.run_id,
        "reason": record.reason,
        "by": record.by,
        "decided_at": moment_of(record.decided_at).isoformat(),
        "owner": record.owner,
        "missed_before": record.number_missed,
        "count": record.count,
    }
