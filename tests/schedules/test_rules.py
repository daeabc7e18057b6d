"""Rules: which times they have, and which rules are refused."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from itertools import islice, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trioflow import At, Cron, Every, Schedule, Tick, Workflow
from trioflow.errors import DefinitionError, InvalidIdError, UnknownOptionError
from trioflow.schedules import Rule
from trioflow.schedules._wire import options_text, rule_text, schedule_of

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo")
EXPRESSIONS = (
    "30 2 * * *",
    "*/15 * * * *",
    "*/30 1-3 * * *",
    "0 0 * * *",
    "15 2 * * 0",
    "0 9 L * *",
)
MOMENTS = st.datetimes(
    datetime(2020, 1, 1),  # noqa: DTZ001 - the zone is added
    datetime(2030, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
RULES: st.SearchStrategy[Rule] = st.one_of(
    st.builds(Cron, st.sampled_from(EXPRESSIONS), st.sampled_from(ZONES)),
    st.builds(Every, st.integers(1, 10**6), offset=st.integers(0, 10**6)),
    st.builds(At, MOMENTS),
)


def first(rule: Rule | Schedule, moment: datetime, count: int) -> list[datetime]:
    return list(islice(rule.after(moment), count))


def local(times: list[datetime], zone: str) -> list[str]:
    return [f"{time.astimezone(ZoneInfo(zone)):%m-%d %H:%M%z}" for time in times]


# ---------------------------------------------------------------- times
@given(RULES, MOMENTS, st.integers(0, 20))
@settings(deadline=None)
def test_times_are_utc_ascend_strictly_and_a_fresh_iterator_continues_them(
    rule: Rule, moment: datetime, steps: int
) -> None:
    times = first(rule, moment, 25)

    assert all(time.tzinfo is UTC for time in times)
    assert all(earlier < later for earlier, later in pairwise([moment, *times]))
    if len(times) > steps:
        assert first(rule, times[steps], 4) == times[steps + 1 : steps + 5]


GAP, OVERLAP = datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)
CHANGES: dict[str, tuple[str, str, datetime, list[str]]] = {
    "a skipped time comes at the end of the gap": (
        "30 2 * * *", "Europe/Berlin", GAP, ["03-29 03:00+0200", "03-30 02:30+0200"],
    ),
    "a time that comes twice ticks once": (
        "30 2 * * *", "Europe/Berlin", OVERLAP, ["10-25 02:30+0200", "10-26 02:30+0100"],
    ),
    "half an hour may be skipped": (
        "15 2 * * *", "Australia/Lord_Howe", datetime(2026, 10, 3, 6, tzinfo=UTC),
        ["10-04 02:30+1100", "10-05 02:15+1100"],
    ),
    "midnight may be skipped": (
        "0 0 * * *", "Africa/Cairo", datetime(2026, 4, 23, 6, tzinfo=UTC),
        ["04-24 01:00+0300", "04-25 00:00+0300"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CHANGES)
def test_a_change_of_the_clock(case: str) -> None:
    expression, zone, moment, wanted = CHANGES[case]

    assert local(first(Cron(expression, zone), moment, 2), zone) == wanted


@pytest.mark.parametrize("moment", [GAP, OVERLAP])
def test_a_rule_of_elapsed_time_loses_and_repeats_nothing(moment: datetime) -> None:
    times = first(Cron("*/15 * * * *", "Europe/Berlin"), moment, 100)

    assert {later - earlier for earlier, later in pairwise(times)} == {timedelta(minutes=15)}


def test_in_the_second_of_two_hours_a_fresh_iterator_does_not_go_back() -> None:
    """The first of the two 02:30 has passed, and the second is none of its times."""
    moment = datetime(2026, 10, 25, 1, 10, tzinfo=UTC)  # 02:10, the second time

    [following] = first(Cron("30 2 * * *", "Europe/Berlin"), moment, 1)

    assert following == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


def test_intervals_are_counted_from_the_epoch_whenever_one_looks() -> None:
    rule = Every(hours=6, offset=timedelta(minutes=5))

    assert first(rule, datetime(2026, 1, 1, 6, 5, tzinfo=UTC), 2) == [
        datetime(2026, 1, 1, 12, 5, tzinfo=UTC),
        datetime(2026, 1, 1, 18, 5, tzinfo=UTC),
    ]
    assert Every(60) == Every(minutes=1) == Every(timedelta(minutes=1)) == Every(60, offset=60)


def test_times_end_with_the_calendar() -> None:
    late = datetime(9999, 12, 31, 22, tzinfo=UTC)

    assert len(first(Every(hours=1), late, 9)) == 1
    assert len(first(Cron("0 * * * *"), late, 9)) == 1
    assert first(Cron("0 0 29 2 *"), late, 9) == []


def test_several_rules_are_merged_and_a_common_time_comes_once() -> None:
    schedule = Schedule("s", "w", (Every(hours=2), Every(hours=3), At(GAP)))
    midnight = datetime(2026, 3, 28, tzinfo=UTC)

    hours = [time.hour for time in first(schedule, midnight, 9)]

    assert hours == [2, 3, 4, 6, 8, 9, 10, 12, 14]


def test_a_schedule_has_no_times_before_its_start_and_after_its_end() -> None:
    schedule = Schedule("s", "w", Every(hours=1), start=GAP, end=GAP + timedelta(hours=2))
    hours = [GAP + timedelta(hours=hour) for hour in range(3)]

    assert first(schedule, datetime(2020, 1, 1, tzinfo=UTC), 9) == hours
    assert first(schedule, hours[0], 9) == hours[1:]


# ---------------------------------------------------------------- names and delays
def test_a_run_is_named_after_its_tick_in_utc() -> None:
    berlin = datetime(2026, 11, 30, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))

    assert Tick("nightly", berlin).run_id == "nightly@2026-11-30T01:30:00Z"
    later = berlin + timedelta(microseconds=250_000)
    assert Tick("nightly", later).run_id == "nightly@2026-11-30T01:30:00.250000Z"


@given(st.text("abc", min_size=1), MOMENTS, st.floats(0, 1e6), st.floats(0, 1e6))
@settings(deadline=None)
def test_jitter_depends_on_schedule_and_tick_only_and_does_not_pass_the_end(
    id: str, tick: datetime, jitter: float, left: float
) -> None:
    end = tick + timedelta(seconds=left)
    [one, other] = [Schedule(id, "w", Every(1), jitter=jitter, end=end) for _ in range(2)]

    assert one.delay(tick) == other.delay(tick)
    assert 0 <= one.delay(tick) <= min(jitter, left + 1e-6)


def test_jitter_differs_from_tick_to_tick_and_is_the_same_in_every_process() -> None:
    schedule = Schedule("s", "w", Every(60), jitter=30)
    ticks = first(schedule, GAP, 50)

    assert len({schedule.delay(tick) for tick in ticks}) == 50
    assert schedule.delay(GAP) == pytest.approx(3.2981, abs=1e-4)


# ---------------------------------------------------------------- what is refused
REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "seconds": (lambda: Cron("* * * * * *"), r"six fields.*use Every\(seconds=\.\.\.\)"),
    "too few fields": (lambda: Cron("* * *"), "it has 3 fields, not 5; give minute, hour"),
    "nothing": (lambda: Cron(""), "it has 0 fields"),
    "a shorthand": (lambda: Cron("@daily"), r"write '0 0 \* \* \*'"),
    "a minute": (lambda: Cron("60 * * * *"), "the field minute cannot be '60'; it may be 0 to 59"),
    "an hour": (lambda: Cron("0 24 * * *"), "the field hour cannot be '24'; it may be 0 to 23"),
    "a day": (lambda: Cron("0 0 32 * *"), "the field day of month cannot be '32'; .* LW"),
    "a month": (lambda: Cron("0 0 1 JANUARY *"), "the field month cannot be 'JANUARY'; .* JAN"),
    "a weekday": (lambda: Cron("0 0 * * 5#6"), "the field day of week cannot be '5#6'; .*5#2"),
    "a step of 0": (lambda: Cron("*/0 * * * *"), "the field minute"),
    "a range back": (lambda: Cron("5-1 * * * *"), "the field minute"),
    "other digits": (lambda: Cron("\u0663 * * * *"), "the field minute"),
    "a day that no month has": (lambda: Cron("0 0 31 2,4 *"), "no month that it names"),
    "no string": (lambda: Cron(5), "is not a string"),  # type: ignore[arg-type]
    "an unknown zone": (lambda: Cron("0 0 * * *", "Mars/Base"), "no time zone 'Mars/Base'"),
    "a zone that is a path": (lambda: Cron("0 0 * * *", "../UTC"), "no time zone"),
    "a zone that is a folder": (lambda: Cron("0 0 * * *", "Europe"), "no time zone 'Europe'"),
    "no zone": (lambda: Cron("0 0 * * *", None), "is not a string"),  # type: ignore[arg-type]
    "no interval": (Every, "shorter than"),
    "a negative interval": (lambda: Every(-1), "shorter than"),
    "not a number": (lambda: Every("5"), "seconds is '5'"),  # type: ignore[arg-type]
    "nan": (lambda: Every(float("nan")), "seconds is nan"),
    "infinity": (lambda: Every(float("inf")), "longer than the calendar"),
    "a timedelta of hours": (lambda: Every(hours=timedelta(1)), "hours is"),  # type: ignore[arg-type]
    "a naive time": (lambda: At(datetime(2026, 1, 1)), "time zone"),  # noqa: DTZ001
    "no time": (lambda: At("tomorrow"), "time zone"),  # type: ignore[arg-type]
    "no rule": (lambda: Schedule("s", "w", ()), "when is empty"),
    "a string as a rule": (lambda: Schedule("s", "w", "@daily"), r"write Cron\('@daily'\)"),  # type: ignore[arg-type]
    "no workflow": (lambda: Schedule("s", None, Every(1)), "neither a workflow"),  # type: ignore[arg-type]
    "an overlap": (lambda: Schedule("s", "w", Every(1), overlap="drop"), "use one of skip, queue"),  # type: ignore[arg-type]
    "missed": (lambda: Schedule("s", "w", Every(1), missed="some"), "use one of last, all, none"),  # type: ignore[arg-type]
    "a duration": (lambda: Schedule("s", "w", Every(1), catch_up=-1), "catch_up is -1"),
    "a number": (lambda: Schedule("s", "w", Every(1), limit=0), "limit is 0"),
    "a start": (lambda: Schedule("s", "w", Every(1), start=5), "start is 5"),  # type: ignore[arg-type]
    "an end": (lambda: Schedule("s", "w", Every(1), start=OVERLAP, end=GAP), "ends before"),
    "a flag": (
        lambda: Schedule("s", "w", Every(1), overlap_suspended="no"),  # type: ignore[arg-type]
        "overlap_suspended is 'no'; give True or False",
    ),
    "another flag": (
        lambda: Schedule("s", "w", Every(1), pause_on_failure=None),  # type: ignore[arg-type]
        "pause_on_failure is None",
    ),
    "a note": (lambda: Schedule("s", "w", Every(1), note=None), "note is None"),  # type: ignore[arg-type]
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_invalid_is_refused_with_what_to_do(case: str) -> None:
    make, message = REFUSED[case]

    with pytest.raises(DefinitionError, match=message):
        make()


@pytest.mark.parametrize("id", ["", "a" * 401, "a\0", 5])
def test_an_id_that_not_every_store_can_hold_is_refused(id: Any) -> None:
    with pytest.raises(InvalidIdError):
        Schedule(id, "w", Every(1))


def test_a_misspelled_option_is_told_with_the_right_one() -> None:
    with pytest.raises(UnknownOptionError, match="did you mean 'overlap'"):
        Schedule("s", "w", Every(1), overlaps="skip")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "rule", [Cron("* * * * *"), Every(1), At(GAP), Schedule("s", "w", Every(1))]
)
def test_a_moment_without_a_zone_is_refused(rule: Any) -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        rule.after(datetime(2026, 1, 1))  # noqa: DTZ001


def test_without_the_extra_only_cron_expressions_are_refused() -> None:
    script = """
import sys
sys.modules["cronsim"] = None
from trioflow import Cron, Every
Every(1)
Cron("* * * * *")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)

    assert b"pip install 'trioflow[schedules]'" in done.stderr


# ---------------------------------------------------------------- as stores keep them
def test_a_workflow_is_kept_by_its_id() -> None:
    workflow: Workflow[Any, Any] = Workflow("report")

    assert Schedule("s", workflow, Every(1)) == Schedule("s", "report", Every(1))


@given(RULES, RULES, MOMENTS)
@settings(deadline=None)
def test_a_stored_schedule_is_read_back_equal(one: Rule, other: Rule, moment: datetime) -> None:
    local_time = moment.astimezone(timezone(timedelta(hours=5)))
    schedule = Schedule(
        "s", "w", (one, other), start=local_time, limit=3, catch_up=0.25, jitter=3, tags=("a",)
    )

    again = schedule_of("s", "w", rule_text(schedule), options_text(schedule))

    assert again == schedule
    assert again.rules == schedule.when


def test_rules_and_schedules_evolve_like_all_values() -> None:
    schedule = Schedule("s", "w", Every(60, offset=5), limit=3)
    evolve: Any = attrs.evolve  # their constructors take more than their fields

    assert evolve(schedule, id="t") == Schedule("t", "w", Every(60, offset=5), limit=3)
    assert evolve(schedule, when=Every(1)).rules == (Every(1),)
    assert evolve(schedule.when, offset=7) == Every(60, offset=7)
    assert evolve(Cron("0 1 * * *"), zone="Asia/Tokyo") == Cron("0 1 * * *", "Asia/Tokyo")


@pytest.mark.parametrize(
    ("expression", "plain"),
    [
        ("3-3/2 4 * * *", "3 4 * * *"),
        ("03-3/1 4 * * *", "3 4 * * *"),
        ("0 4-4/5 * * *", "0 4 * * *"),
        ("0 0 1-1/1 JAN-jan/3 0-0/1", "0 0 1 1 0"),
        ("0 0 * * mon-MON/2", "0 0 * * 1"),
        ("1,3-3/2,5-6/1 0 * * *", "1,3,5-6 0 * * *"),
    ],
)
def test_a_range_of_one_value_with_a_step_is_that_value(expression: str, plain: str) -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    found, wanted = (islice(Cron(each, "UTC").after(since), 50) for each in (expression, plain))

    assert list(found) == list(wanted)


def test_a_step_of_zero_is_refused_whatever_the_range() -> None:
    with pytest.raises(DefinitionError, match="the field minute cannot be '3-3/0'"):
        Cron("3-3/0 4 * * *", "UTC")
