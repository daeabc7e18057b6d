"""Rules in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from trioflow import At, Cron, Every
from trioflow.schedules import Rule
from trioflow.schedules._words import clock_changes, in_words, zone_of

WORDS: dict[str, str] = {
    "30 2 * * 1-5": "at 02:30, Monday to Friday (UTC)",
    "0 9,17 * * MON,fri": "at 09:00, 17:00, Monday, Friday (UTC)",
    "* * * * *": "every minute (UTC)",
    "*/15 * * * *": "every 15 minutes (UTC)",
    "*/1 * * * *": "every minute (UTC)",
    "*/7 * * * *": "cron */7 * * * * (UTC)",
    "*/60 * * * *": "cron */60 * * * * (UTC)",
    "0 0 * * 0,7": "at 00:00, Sunday (UTC)",
    "5 * * * *": "every hour at :05 (UTC)",
    "0 9 1 * *": "at 09:00, on day 1 of the month (UTC)",
    "0 9 L * *": "at 09:00, on the last day of the month (UTC)",
    "0 9 * 5 *": "cron 0 9 * 5 * (UTC)",
    "0 9 1-3 * *": "cron 0 9 1-3 * * (UTC)",
    "0 9 * * 5#2": "cron 0 9 * * 5#2 (UTC)",
    "0 9 * * 1-2,5": "cron 0 9 * * 1-2,5 (UTC)",
    "0-9 9 * * *": "cron 0-9 9 * * * (UTC)",
}


@pytest.mark.parametrize("expression", WORDS)
def test_an_expression_in_words(expression: str) -> None:
    assert in_words([Cron(expression)]) == WORDS[expression]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Every(hours=6), "every 6 hours"),
        (Every(weeks=1, offset=3600), "every week, 1 hour later"),
        (Every(0.25), "every 0.25 seconds"),
        (At(datetime(2026, 5, 1, tzinfo=UTC)), "at 2026-05-01T00:00:00Z"),
    ],
)
def test_another_rule_in_words(rule: Rule, words: str) -> None:
    assert in_words([rule]) == words


def test_several_rules_are_separated_and_shown_in_the_zone_of_the_first_expression() -> None:
    rules: list[Rule] = [Every(60), Cron("0 9 * * *", "Europe/Berlin")]

    assert in_words(rules) == "every minute; at 09:00 (Europe/Berlin)"
    assert zone_of(rules) == ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("zone", "wanted"),
    [
        ("UTC", []),
        ("Europe/Berlin", ["2026-03-29 01:00", "2026-10-25 01:00"]),
        ("Australia/Lord_Howe", ["2026-04-04 15:00", "2026-10-03 15:30"]),
    ],
)
def test_the_changes_of_the_clock_in_a_year(zone: str, wanted: list[str]) -> None:
    since = datetime(2026, 1, 1, 0, 20, tzinfo=UTC)

    found = clock_changes(ZoneInfo(zone), since, since + timedelta(days=365))

    assert [f"{change:%Y-%m-%d %H:%M}" for change in found] == wanted
