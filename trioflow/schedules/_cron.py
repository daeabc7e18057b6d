"""Check cron expressions and time zones, and iterate over the ticks of an expression.

cronsim is imported when the first expression is checked: it comes with the extra ``schedules``, and
schedules without cron expressions do not need it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from trioflow.errors import DefinitionError

FIELDS = (
    ("minute", "0 to 59"),
    ("hour", "0 to 23"),
    ("day of month", "1 to 31, L for the last day, or LW for the last weekday"),
    ("month", "1 to 12, or JAN to DEC"),
    (
        "day of week",
        "0 to 7 (0 and 7 are Sunday) or SUN to SAT, 5#2 for the second, 5L for the last",
    ),
)
"""The fields of an expression, and what each may hold."""
FORMS = "a list 1,2, a range 1-5, a step */15 or *"
SHORTHANDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
STEPPED = re.compile(r"(?<!\w)(\w{1,9})-(\w{1,9})/(\d{1,9})(?!\w)", re.ASCII)
"""A range with a step."""
MINUTE, HOUR, NEAR = timedelta(minutes=1), timedelta(hours=1), timedelta(hours=26)
EARLIEST = datetime(1, 1, 3, tzinfo=UTC)
"""The first time from which ticks are looked for: the calendar of each zone has it."""
SOME_TIME = datetime(2026, 1, 1, tzinfo=UTC)


def check_expression(expression: object) -> None:
    """Check that a cron expression is valid.

    Raises:
      DefinitionError: if it is not; the message says which field is wrong, and what it may hold.
    """
    where = f"Cron({expression!r})"
    if not isinstance(expression, str):
        raise DefinitionError(where, "the expression is not a string", 'write "30 2 * * 1-5"')
    fields = expression.split()
    if expression.strip().lower() in SHORTHANDS:
        remedy = f"write {SHORTHANDS[expression.strip().lower()]!r}"
        raise DefinitionError(where, "shorthands are not supported", remedy)
    if len(fields) == 6:
        problem = "it has six fields, and cron has no seconds"
        raise DefinitionError(where, problem, "use Every(seconds=...)")
    if len(fields) != 5:
        names = ", ".join(name for name, _ in FIELDS)
        raise DefinitionError(where, f"it has {len(fields)} fields, not 5", f"give {names}")
    for index, field in enumerate(fields):
        _check_field(where, index, field)
    if not _is_valid(where, expression):
        problem = "no month that it names has that day"
        raise DefinitionError(where, problem, "change the day of month or the months")


def _check_field(where: str, index: int, field: str) -> None:
    alone = ["*"] * 5
    alone[index] = field
    if not field.isascii() or not _is_valid(where, " ".join(alone)):
        name, values = FIELDS[index]
        problem = f"the field {name} cannot be {field!r}"
        raise DefinitionError(where, problem, f"it may be {values}; {FORMS}")


def _is_valid(where: str, expression: str) -> bool:
    simulate, error = _cronsim(where)
    try:
        simulate(expression, SOME_TIME)
    except (error, ValueError):  # ValueError: digits beyond what Python converts
        return False
    return True


def _cronsim(where: str) -> tuple[Callable[[str, datetime], Iterator[datetime]], Any]:
    try:
        from cronsim import CronSim, CronSimError
    except ImportError as exc:
        problem = "cron expressions need the library cronsim"
        raise DefinitionError(where, problem, "pip install 'trioflow[schedules]'") from exc
    return lambda expression, moment: CronSim(_for_cronsim(expression), moment), CronSimError


def _for_cronsim(expression: str) -> str:
    """Return an expression without ranges of one value with a step.

    To cronsim ``3-3/2`` is ``3/2``, which goes on to the end; to cron it is ``3``.
    """
    return STEPPED.sub(lambda found: found[1] if _is_one(*found.groups()) else found[0], expression)


def _is_one(first: str, last: str, step: str) -> bool:
    same = int(first) == int(last) if (first + last).isdigit() else first.lower() == last.lower()
    return same and int(step) > 0


def zone_of(where: str, name: object) -> ZoneInfo:
    """Return the time zone with a name, such as ``"Europe/Berlin"``.

    Raises:
      DefinitionError: if there is none.
    """
    if not isinstance(name, str):
        raise DefinitionError(where, f"zone {name!r} is not a string", 'write "Europe/Berlin"')
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, LookupError) as exc:  # a folder, a path, an unknown name
        problem = f"there is no time zone {name!r}"
        remedy = 'use a name such as "Europe/Berlin" or "UTC", and pip install tzdata'
        raise DefinitionError(where, problem, remedy) from exc


def ticks_after(expression: str, zone: ZoneInfo, moment: datetime) -> Iterator[datetime]:
    """Yield the ticks of a valid expression after a moment, in UTC and strictly ascending.

    A tick whose local time a clock change skips is moved to the end of the gap. One whose local
    time comes twice is yielded the first time only, unless minute or hour begin with a star.
    """
    simulate, _ = _cronsim(f"Cron({expression!r})")
    latest = moment = max(moment.astimezone(UTC), EARLIEST)
    try:
        ticks = simulate(expression, moment.astimezone(zone))
        while (local := next(ticks, None)) is not None:
            tick = local.astimezone(UTC)
            earlier = _near_change(simulate, expression, zone, latest, tick)
            if earlier is not None:
                tick = earlier
                ticks = simulate(expression, tick.astimezone(zone))
            # In an hour that comes twice, cronsim begins with its first time.
            if tick > latest:
                latest = tick
                yield tick
    except (OverflowError, ValueError):  # the end of the calendar
        return


def _near_change(
    simulate: Callable[[str, datetime], Any],
    expression: str,
    zone: ZoneInfo,
    latest: datetime,
    tick: datetime,
) -> datetime | None:
    """Return a tick before *tick* that cronsim steps over, near a change of the clock.

    It steps by hours, and so depends on where it begins if clocks do not change on the hour.
    """
    minute, hour = expression.split()[:2]
    end = tick if tick - latest < NEAR else latest + NEAR
    change = _offset(end, zone) - _offset(latest - 3 * HOUR, zone)
    if not hour.startswith("*") or minute.startswith("*") or not change:
        return None
    fields = simulate(expression, latest.astimezone(zone))
    found = latest.replace(second=0, microsecond=0) + MINUTE
    while found < end:
        local = found.astimezone(zone)
        is_time = local.minute in fields.minutes and local.hour in fields.hours
        if is_time and local.month in fields.months and fields.match_day(local.date()):
            return found
        found += MINUTE
    return None


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()
