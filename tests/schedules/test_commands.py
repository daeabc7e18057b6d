"""The commands about schedules, on a store that a program has used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import trio

from tests.schedules.unreadable import WRONG, spoil
from trioflow import Cron, Every, Schedule, Workflow, open_engine, step
from trioflow._cli import main
from trioflow.abc import ScheduleStore

pytest.importorskip("trioflow_sql")


@step
async def note(value: int) -> int:
    return value


FLOW = Workflow("flow", input=int, output=int).then(note)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a store with two schedules; one has a tick that was started by hand."""
    url = f"sqlite:{tmp_path / 'runs.db'}"

    async def fill() -> None:
        async with open_engine(plugins=["sql"], workflows=[FLOW], store=url) as engine:
            cron = Cron("30 2 * * *", "Europe/Berlin")
            await engine.schedules.put(Schedule("nightly", FLOW, cron, 1, note="clean up"))
            await engine.schedules.put(Schedule("often", FLOW, Every(hours=1), 2, limit=5))
            record = await engine.schedules.trigger("often")
            await (await engine.load_run(record.run_id or "")).wait()

    trio.run(fill)
    monkeypatch.setenv("TRIOFLOW_STORE", url)
    return url


def told(capfd: pytest.CaptureFixture[str], *tokens: str, code: int = 0) -> tuple[str, str]:
    """Run a command, and return what it prints on standard output and error."""
    capfd.readouterr()
    assert main(["schedules", *tokens]) == code
    out, err = capfd.readouterr()
    return out, err


def test_schedules_are_listed(store: str, capfd: pytest.CaptureFixture[str]) -> None:
    out, _ = told(capfd)
    head, nightly, often = out.splitlines()

    assert head.split()[:3] == ["ID", "WORKFLOW", "RULE"]
    assert "at 02:30 (Europe/Berlin)" in nightly
    assert often.rstrip().endswith("success")
    out, _ = told(capfd, "--json")
    described = [json.loads(line) for line in out.splitlines()]
    assert [each["id"] for each in described] == ["nightly", "often"]
    assert described[0]["next"].endswith(":30:00+00:00")


def test_one_that_cannot_be_read_here_is_listed(
    store: str, capfd: pytest.CaptureFixture[str]
) -> None:
    async def spoil_one() -> None:
        async with open_engine(plugins=["sql"], store=store) as engine:
            assert isinstance(engine.store, ScheduleStore)
            await spoil(engine.store, "nightly", WRONG["zone"])

    trio.run(spoil_one)
    out, _ = told(capfd)
    _, nightly, often = out.splitlines()
    lines, _ = told(capfd, "--json")
    shown, err = told(capfd, "show", "nightly", code=2)

    assert "cannot be read" in nightly
    assert "every hour" in often
    assert [json.loads(line)["rule"] for line in lines.splitlines()] == [None, "every hour"]
    assert "workflow: flow" in shown
    assert "Mars/Base" in err


def test_a_schedule_is_shown_with_its_next_ticks(
    store: str, capfd: pytest.CaptureFixture[str]
) -> None:
    out, _ = told(capfd, "show", "nightly", "--next", "400")

    assert "clean up" in out
    assert out.count("02:30:00 +0200") + out.count("02:30:00 +0100") >= 398
    assert out.count("the clock changes at") == 2
    out, _ = told(capfd, "show", "often")
    assert out.count("+0000") == 5


def test_it_is_paused_and_resumed(store: str, capfd: pytest.CaptureFixture[str]) -> None:
    told(capfd, "pause", "nightly", "--reason", "holidays")
    out, _ = told(capfd)
    assert "paused: holidays" in out
    told(capfd, "resume", "nightly")
    out, _ = told(capfd)
    assert "paused" not in out


def test_a_tick_is_decided_by_hand_and_left_to_an_engine(
    store: str, capfd: pytest.CaptureFixture[str]
) -> None:
    out, err = told(capfd, "trigger", "nightly", "--at", "2h")
    assert "decided" in out
    assert "will start it" in err
    out, _ = told(capfd, "ticks", "nightly")
    [_, tick] = out.splitlines()
    assert tick.split()[2] == "decided"
    out, _ = told(capfd, "ticks", "nightly", "--json")
    assert json.loads(out)["decision"] == "decided"


def test_past_ticks_are_planned_and_decided(store: str, capfd: pytest.CaptureFixture[str]) -> None:
    given = ("backfill", "nightly", "--from", "73h", "--to", "1h", "--overlap", "allow")
    out, err = told(capfd, *given, "--dry-run")
    assert out.count("decided") == 3
    assert "nothing has been done" in err
    out, _ = told(capfd, *given)
    assert out.count("decided") == 3
    out, _ = told(capfd, *given)
    assert "decided" not in out


def test_a_deleted_schedule_is_gone(store: str, capfd: pytest.CaptureFixture[str]) -> None:
    told(capfd, "delete", "often")
    _, err = told(capfd, "ticks", "often", code=2)

    assert "there is no schedule 'often'" in err


@pytest.mark.parametrize(
    ("tokens", "error"),
    [
        (("show", "nigtly"), "did you mean 'nightly'"),
        (("show", "nightly", "--next", "-1"), "must not be negative"),
        (("ticks", "nightly", "--limit", "-1"), "must not be negative"),
        (("trigger", "nightly", "--at", "soon"), "not a point in time"),
        (("trigger", "nightly", "--at", "2999-01-01"), "is in the future"),
        (("backfill", "nightly", "--from", "1d", "--to", "2999-01-01"), "in the future"),
        (("backfill", "nightly", "--from", "1d", "--to", "2d"), "before since"),
        (("backfill", "often", "--from", "0001-01-01T00:00+00:00"), "more than 1000 ticks"),
        (("backfill", "nightly", "--from", "0001-01-01T00:00+00:00"), "more than 1000 ticks"),
        (("explain", "0 0 * * *", "--next", "-1"), "must not be negative"),
        (("explain", "0 0 * * *", "--next", str(10**20)), "must not be more than"),
        (("explain", "61 * * * *"), "the field minute cannot be '61'"),
        (("explain", "0 0 * * *", "--zone", "Mars"), "no time zone 'Mars'"),
    ],
)
def test_what_is_wrong_is_told(
    store: str, capfd: pytest.CaptureFixture[str], tokens: tuple[str, ...], error: str
) -> None:
    _, err = told(capfd, *tokens, code=2)

    assert error in err


def test_an_expression_is_explained_with_the_changes_of_the_clock(
    capfd: pytest.CaptureFixture[str],
) -> None:
    given = ("--zone", "Europe/Berlin", "--around", "2026-03-29", "--next", "4")
    out, _ = told(capfd, "explain", "30 2 * * *", *given)
    lines = out.splitlines()

    assert lines[0] == "at 02:30 (Europe/Berlin)"
    assert lines[3].strip() == "-- the clock changes at 2026-03-29 01:00Z: +60 minutes"
    assert lines[4].strip().startswith("Sun 2026-03-29 03:00:00 +0200")


def test_an_expression_is_explained_from_the_beginning_of_the_calendar(
    capfd: pytest.CaptureFixture[str],
) -> None:
    around = ("--around", "0001-01-02T00:00+00:00")
    for zone in ("UTC", "America/New_York", "Asia/Tokyo"):
        out, _ = told(capfd, "explain", "0 0 * * *", *around, "--zone", zone, "--next", "1")
        assert "1-01-0" in out


def test_nobody_keeps_a_schedule_whose_ticks_are_overdue(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    url = f"sqlite:{tmp_path / 'runs.db'}"

    async def fill() -> None:
        declared = Schedule("old", FLOW, Every(1), 1)
        async with open_engine(
            plugins=["sql"], workflows=[FLOW], store=url, schedules=[declared]
        ) as engine:
            store = engine.schedules._book.store
            found = await store.get_schedule("old")
            assert found is not None
            given = {"version": found.version, "after": found.watermark}
            await store.advance("old", ticks=(), to=found.watermark - 1000, **given)  # type: ignore[arg-type]

    trio.run(fill)
    monkeypatch.setenv("TRIOFLOW_STORE", url)

    out, _ = told(capfd)

    assert "orphaned: no engine declares it" in out
