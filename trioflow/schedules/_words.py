"""Rules in words, for people: "at 02:30, Monday to Friday (Europe/Berlin)"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from trioflow._tick import text_of
from trioflow.schedules._rules import At, Cron, Every, Rule

DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
NAMES = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
UNITS = (("week", 604_800), ("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1))


def in_words(rules: Sequence[Rule]) -> str:
    """Return what rules say, in words where there are short ones."""
    return "; ".join(map(_words_of, rules))


def _words_of(rule: Rule) -> str:
    match rule:
        case Cron():
            return f"{_cron_words(rule.expression)} ({rule.zone})"
        case Every():
            start = f", {_length(rule.offset)} later" if rule.offset else ""
            return f"every {_length(rule.interval).removeprefix('1 ')}{start}"
        case At():
            return f"at {text_of(rule.moment)}"


def _length(length: timedelta) -> str:
    seconds = length.total_seconds()
    for unit, size in UNITS:
        if seconds >= size and seconds % size == 0:
            number = int(seconds // size)
            return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
    return f"{seconds:g} seconds"


def _cron_words(expression: str) -> str:
    minute, hour, day, month, weekday = expression.upper().split()
    when, days = _time_words(minute, hour), _day_words(day, month, weekday)
    return f"cron {expression}" if when is None or days is None else when + days


def _time_words(minute: str, hour: str) -> str | None:
    every = re.fullmatch(r"\*(?:/(\d+))?", minute)
    if every and hour == "*":
        number = int(every[1] or 1)
        if number == 1:
            return "every minute"
        # Steps begin anew in each hour: only divisors have equal distances.
        return f"every {number} minutes" if 60 % number == 0 and number < 60 else None
    if minute.isdigit() and hour == "*":
        return f"every hour at :{int(minute):02}"
    if minute.isdigit() and re.fullmatch(r"\d+(,\d+)*", hour):
        return "at " + ", ".join(f"{int(each):02}:{int(minute):02}" for each in hour.split(","))
    return None


def _day_words(day: str, month: str, weekday: str) -> str | None:
    if month != "*":
        return None
    if day == "*" and weekday == "*":
        return ""
    if day == "*":
        names = [_weekday(each) for each in re.split(r"[,-]", weekday)]
        if None in names or ("-" in weekday and "," in weekday):
            return None
        return ", " + (" to " if "-" in weekday else ", ").join(map(str, dict.fromkeys(names)))
    if weekday == "*" and day.isdigit():
        return f", on day {int(day)} of the month"
    return ", on the last day of the month" if (day, weekday) == ("L", "*") else None


def _weekday(text: str) -> str | None:
    if text in NAMES:
        return DAYS[NAMES.index(text)]
    return DAYS[int(text)] if text.isdigit() else None


def zone_of(rules: Sequence[Rule]) -> ZoneInfo:
    """Return the time zone of the first cron expression, or UTC."""
    return ZoneInfo(next((rule.zone for rule in rules if isinstance(rule, Cron)), "UTC"))


def clock_changes(zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the moments between two others at which the clocks of a zone change, to the minute."""
    hour, minute = timedelta(hours=1), timedelta(minutes=1)
    moment = since
    while moment < until:
        following = moment + hour
        if _offset(moment, zone) != _offset(following, zone):
            while _offset(moment + minute, zone) == _offset(moment, zone):
                moment += minute
            yield (moment + minute).replace(second=0, microsecond=0)
        moment = following


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()
