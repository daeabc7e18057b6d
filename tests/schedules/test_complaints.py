"""What users of other schedulers met when clocks changed, and at the corners of expressions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.schedules.mortals import set_calendar
from tests.schedules.stage import HOUR, Story
from trioflow import Cron
from trioflow.testing import VirtualClock

MINUTE, DAYS = timedelta(minutes=1), timedelta(days=5)
SINCE = datetime(2024, 1, 1, tzinfo=UTC)
CHANGES = {
    "back": datetime(2036, 10, 25, 12, tzinfo=UTC),
    "forward": datetime(2036, 3, 29, 12, tzinfo=UTC),
}
"""The days before clocks change in Berlin."""


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    ("expression", "starts"), [("30 2 * * *", 1), ("0 * * * *", 24), ("*/30 * * * *", 48)]
)
def test_no_run_is_lost_or_doubled_when_clocks_change(
    change: str, expression: str, starts: int
) -> None:
    """Runs were doubled at the end of daylight saving time: PrefectHQ/prefect#7381, #7461, #7468.
    Zero, one or two runs, and no policy: temporalio/temporal#8205."""
    story = Story()
    schedule = story.schedule(Cron(expression, "Europe/Berlin"))

    async def main() -> None:
        set_calendar(CHANGES[change])
        async with story.engine(None, schedule):
            await trio.sleep(24 * HOUR + 1)

    trio.run(main, clock=VirtualClock())

    assert len(story.began) == starts


LISTS = {
    "minute": (0, 59),
    "hour": (0, 23),
    "day": (1, 31),
    "month": (1, 12),
    "weekday": (0, 6),
}


@st.composite
def fields(draw: st.DrawFn, name: str) -> tuple[str, frozenset[int]]:
    """A field of an expression, and the numbers that it stands for."""
    first, last = LISTS[name]
    one, other = sorted(draw(st.tuples(st.integers(first, last), st.integers(first, last))))
    step = draw(st.integers(1, 7))
    return draw(
        st.sampled_from(
            [
                ("*", frozenset(range(first, last + 1))),
                (f"{one}", frozenset([one])),
                (f"{one},{other}", frozenset([one, other])),
                (f"{one}-{other}", frozenset(range(one, other + 1))),
                (f"*/{step}", frozenset(range(first, last + 1, step))),
                (f"{one}-{other}/{step}", frozenset(range(one, other + 1, step))),
            ]
        )
    )


@given(
    minute=fields("minute"),
    hour=fields("hour"),
    day=fields("day"),
    month=fields("month"),
    weekday=fields("weekday"),
    start=st.integers(0, 6 * 365 * 24 * 60).map(lambda minutes: SINCE + minutes * MINUTE),
)
@settings(deadline=None, max_examples=settings().max_examples // 4)
def test_the_times_are_those_that_the_fields_say(
    minute: tuple[str, frozenset[int]],
    hour: tuple[str, frozenset[int]],
    day: tuple[str, frozenset[int]],
    month: tuple[str, frozenset[int]],
    weekday: tuple[str, frozenset[int]],
    start: datetime,
) -> None:
    """Runs at wrong times: dbos-inc/dbos-transact-ts#1192; agronholm/apscheduler#116; libraries
    that "cannot be trusted": getsentry/sentry#66868, dagster-io/dagster#17710."""
    zone = ZoneInfo("Asia/Tokyo")  # its clocks do not change
    expression = " ".join(text for text, _ in (minute, hour, day, month, weekday))
    since = start.astimezone(zone)

    def expected() -> Iterator[datetime]:
        moment = since.replace(second=0, microsecond=0)
        while (moment := moment + MINUTE) < since + DAYS:
            in_month = moment.day in day[1]
            in_week = moment.isoweekday() % 7 in weekday[1]
            # Both must fit if one begins with a star, otherwise one of them.
            has_star = day[0].startswith("*") or weekday[0].startswith("*")
            is_day = in_month and in_week if has_star else in_month or in_week
            is_day = is_day and moment.month in month[1]
            if is_day and moment.hour in hour[1] and moment.minute in minute[1]:
                yield moment

    try:
        rule = Cron(expression, "Asia/Tokyo")
    except Exception as exc:
        assert "no month that it names has that day" in str(exc)
        return
    found = list(takewhile(lambda tick: tick < since + DAYS, rule.after(since)))

    assert found == list(expected())
