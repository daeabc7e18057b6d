"""At every change of the clock of ten years, in thirty zones, fresh iterators agree with others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest

from trioflow import Cron
from trioflow.schedules._words import clock_changes

ZONES = (
    "Africa/Cairo", "Africa/Casablanca", "America/Asuncion", "America/Caracas", "America/Chicago",
    "America/Halifax", "America/Havana", "America/Los_Angeles", "America/Mexico_City",
    "America/New_York", "America/Nuuk", "America/Santiago", "America/Sao_Paulo",
    "America/St_Johns", "Antarctica/Troll", "Asia/Amman", "Asia/Beirut", "Asia/Gaza",
    "Asia/Jerusalem", "Asia/Kathmandu", "Asia/Tehran", "Asia/Tokyo", "Australia/Lord_Howe",
    "Australia/Sydney", "Europe/Berlin", "Europe/Chisinau", "Europe/Dublin", "Europe/London",
    "Pacific/Auckland", "Pacific/Chatham",
)  # fmt: skip
EXPRESSIONS = (
    "30 2 * * *", "15 2 * * *", "0 0 * * *", "30 0 * * *", "0 1,2,3 * * *", "*/15 * * * *",
    "*/30 1-3 * * *", "0 * * * *", "59 23 * * *", "30 2 * * 0", "0 0 1 * *", "10 */2 * * *",
)  # fmt: skip
DAY, QUARTER = timedelta(days=1), timedelta(minutes=15)
SINCE, UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)


@pytest.mark.slow
@pytest.mark.parametrize("zone", ZONES)
def test_a_fresh_iterator_gives_what_one_gives_that_has_run_on(zone: str) -> None:
    for change in clock_changes(ZoneInfo(zone), SINCE, UNTIL):
        for expression in EXPRESSIONS:
            rule = Cron(expression, zone)
            end = change + 2 * DAY
            times = list(takewhile(lambda time: time < end, rule.after(change - DAY)))  # noqa: B023
            assert all(earlier < later for earlier, later in pairwise(times))
            for number in range(-12, 13):
                moment = change + number * QUARTER
                following = [time for time in times if time > moment][:3]
                fresh = rule.after(moment)
                assert [next(fresh) for _ in following] == following, (expression, moment)
