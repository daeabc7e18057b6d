"""Parts of pages: words, links, filters and kept log records."""

from __future__ import annotations

import logging

import pytest
from trioflow_server.pages import logs, showing
from trioflow_server.pages.filters import moment_of
from trioflow_server.pages.linking import run_path, workflow_path
from trioflow_server.pages.login import own_path
from trioflow_server.pages.logs import RunLogs


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""),
        (0, "0 ms"),
        (0.0123, "12.3 ms"),
        (1.5, "1.5 s"),
        (59.96, "1 min"),
        (3_725, "1 h 2 min"),
        (200_000, "2 d 7 h"),
    ],
)
def test_durations_have_units(seconds: float | None, text: str) -> None:
    assert showing.duration(seconds) == text


def test_times_are_utc_and_never_fail() -> None:
    assert showing.moment(0) == "1970-01-01 00:00:00 UTC"
    assert showing.moment(None) == ""
    assert showing.moment(1e300) == "1970-01-01 00:00:00 UTC"
    assert showing.machine_time(1.5) == "1970-01-01T00:00:01Z"
    assert showing.precise(1.5) == "1970-01-01 00:00:01.500"


def test_characters_that_cannot_be_seen_are_escaped() -> None:
    assert showing.visible("a\u202eb\x00\nc") == "a\\u202eb\\u0000\nc"
    assert showing.shortened("abc", 2) == "ab…"
    assert showing.glyph("unheard of") == "·"


def test_ids_that_paths_cannot_contain_are_parameters() -> None:
    assert run_path("a b") == "/runs/a%20b"
    assert run_path("a/b", view="log") == "/runs/?id=a%2Fb&view=log"
    assert run_path("..") == "/runs/?id=.."
    assert workflow_path("w", x=None) == "/workflows/w"


@pytest.mark.parametrize(
    "path", ["//x", "https://x", "/\\x", "", "/api", "/runs/\n", "javascript:x"]
)
def test_a_login_leads_only_to_own_pages(path: str) -> None:
    assert own_path(path) == "/"


def test_times_of_filters_are_utc_unless_they_say_so() -> None:
    assert moment_of("") is None
    assert moment_of("1970-01-02") == 86_400
    assert moment_of("1970-01-01T01:00+01:00") == 0
    with pytest.raises(ValueError, match="1970"):
        moment_of("1970")


# ---------------------------------------------------------------- logs
def say(kept: RunLogs, run_id: str, text: str, **more: object) -> None:
    record = logging.LogRecord("shop", logging.INFO, __file__, 1, text, (), None)
    record.__dict__.update(run_id=run_id, step_id="s", **more)
    kept.handle(record)


def test_the_last_records_of_the_last_runs_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MOST_RUNS", 2)
    kept = RunLogs()
    for run_id in ("a", "b", "a", "c"):
        say(kept, run_id, f"of {run_id}")
    for number in range(logs.MOST_RECORDS + 5):
        say(kept, "c", str(number))
    say(kept, "", "of no run")

    assert [line.message for line in kept.of("a")] == ["of a", "of a"]
    assert kept.of("b") == ()
    assert len(kept.of("c")) == logs.MOST_RECORDS
    assert kept.of("c")[-1].message == str(logs.MOST_RECORDS + 4)
    assert kept.of("") == ()


def test_exceptions_are_kept_with_their_records() -> None:
    kept = RunLogs()
    try:
        raise ValueError("too hot")
    except ValueError as exc:
        say(kept, "a", "oh", exc_info=(ValueError, exc, exc.__traceback__))

    [line] = kept.of("a")
    assert line.error == "ValueError: too hot"
    assert line.stack.startswith("Traceback")


def test_a_broken_record_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    kept = RunLogs()
    say(kept, "a", "%d", args=("x",))

    assert kept.of("a") == ()
