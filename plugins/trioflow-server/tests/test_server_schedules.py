"""Schedules over HTTP, and their page."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from trioflow_server import ServerOptions

from trioflow import Cron, Every, Schedule
from trioflow.abc import Principal, ScheduleStore

from .serving import Bench, open_bench

ALL = "/api/schedules"
CRON = {"workflowId": "doubled", "cron": "30 2 * * *", "timezone": "Europe/Berlin"}
TOKENS = {
    "team-team-team-team": Principal("team", scopes=("read", "start"), resources=("acme",)),
    "root-root-root-root": Principal("root"),
}
TEAM = {"authorization": "Bearer team-team-team-team"}
ROOT = {"authorization": "Bearer root-root-root-root"}


async def made(bench: Bench, **changes: Any) -> dict[str, Any]:
    answer = await bench.post(ALL, {"id": "nightly", **CRON, "inputData": 4, **changes})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_schedule_has_the_shape_that_clients_expect() -> None:
    async with open_bench() as bench:
        shown = await made(bench, note="clean up")
        [listed] = (await bench.get(ALL)).json()["schedules"]
        found = (await bench.get(f"{ALL}/nightly")).json()

    assert shown == listed == found
    expected = {
        "id": "nightly",
        "workflowId": "doubled",
        "cron": "30 2 * * *",
        "timezone": "Europe/Berlin",
        "status": "active",
        "inputData": 4,
        "note": "clean up",
        "rule": "at 02:30 (Europe/Berlin)",
    }
    assert expected.items() <= shown.items()
    assert all(isinstance(shown[key], int) for key in ("nextFireAt", "createdAt", "updatedAt"))


async def test_it_is_run_by_hand_and_its_trigger_is_listed() -> None:
    async with open_bench() as bench:
        await made(bench)
        answer = (await bench.post(f"{ALL}/nightly/run")).json()
        run = await bench.engine.load_run(answer["claimId"])
        assert (await run.wait()).output == 8
        [trigger] = (await bench.get(f"{ALL}/nightly/triggers")).json()["triggers"]
        [tick] = (await bench.get(f"{ALL}/nightly/ticks")).json()["ticks"]
        shown = (await bench.get(f"{ALL}/nightly")).json()

    assert trigger["runId"] == tick["runId"] == shown["lastRunId"] == answer["claimId"]
    assert (trigger["outcome"], trigger["triggerKind"]) == ("published", "manual")
    assert trigger["run"]["status"] == shown["lastRun"]["status"] == "success"
    assert trigger["scheduledFireAt"] == answer["scheduledFireAt"] == shown["lastFireAt"]
    assert tick["by"] == "anonymous"


async def test_one_that_cannot_be_read_here_hides_no_other() -> None:
    async with open_bench() as bench:
        await made(bench)
        await made(bench, id="other")
        store = bench.engine.store
        assert isinstance(store, ScheduleStore)
        stored = await store.get_schedule("nightly")
        assert stored is not None
        await store.put_schedule(attrs.evolve(stored, rule="{}"), if_version=stored.version)
        listed = (await bench.get(ALL)).json()["schedules"]
        page = await bench.get("/schedules")
        patched = await bench.client.patch(f"{ALL}/nightly", json={"cron": "0 4 * * *"})
        coming = await bench.get(f"{ALL}/nightly/next")
        deleted = await bench.client.delete(f"{ALL}/nightly")

    assert [each["id"] for each in listed] == ["nightly", "other"]
    assert "cannot be read" in listed[0]["error"]
    assert "error" not in listed[1]
    assert page.status_code == 200
    assert "cannot be read" in page.text
    for refused in (patched, coming):
        assert (refused.status_code, refused.json()["code"]) == (409, "schedule-unreadable")
    assert deleted.status_code == 200


async def test_it_is_paused_changed_and_deleted() -> None:
    async with open_bench() as bench:
        await made(bench)
        paused = (await bench.post(f"{ALL}/nightly/pause", {"reason": "holidays"})).json()
        assert (paused["status"], paused["reason"]) == ("paused", "holidays")
        assert (await bench.get(ALL, status="active")).json()["schedules"] == []
        resumed = (await bench.post(f"{ALL}/nightly/resume")).json()
        assert resumed["status"] == "active"
        patched = await bench.client.patch(f"{ALL}/nightly", json={"cron": "0 4 * * *"})
        assert patched.json()["cron"] == "0 4 * * *"
        assert patched.json()["timezone"] == "Europe/Berlin"
        off = await bench.client.patch(f"{ALL}/nightly", json={"status": "paused"})
        assert off.json()["status"] == "paused"
        body = {"workflowId": "doubled", "everySeconds": 60, "overlap": "allow"}
        replaced = await bench.client.put(f"{ALL}/nightly", json=body)
        assert replaced.json()["rule"] == "every minute"
        assert replaced.json()["overlap"] == "allow"
        assert (await bench.client.delete(f"{ALL}/nightly")).status_code == 200
        assert (await bench.get(f"{ALL}/nightly")).status_code == 404


async def test_next_and_past_ticks() -> None:
    async with open_bench() as bench:
        await made(bench, cron="0 * * * *", overlap="allow")
        found = (await bench.get(f"{ALL}/nightly/next", n=3)).json()["ticks"]
        assert [later - earlier for earlier, later in itertools.pairwise(found)] == [3_600_000] * 2
        since = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
        path = f"{ALL}/nightly/backfill"
        planned = (await bench.post(path, {"from": since, "dryRun": True})).json()["ticks"]
        done = (await bench.post(path, {"from": since})).json()["ticks"]
        again = (await bench.post(path, {"from": since})).json()["ticks"]

    assert [tick["tick"] for tick in planned] == [tick["tick"] for tick in done]
    assert len(done) == 3
    assert again == []


REFUSED: list[tuple[str, str, Any, int, str]] = [
    ("POST", ALL, {"workflowId": "doubled", "cron": "61 * * * *"}, 400, "the field minute"),
    ("POST", ALL, {"workflowId": "doubled"}, 400, "cron"),
    ("POST", ALL, {"workflowId": "nothing", "cron": "* * * * *"}, 404, "Workflow not found"),
    ("POST", ALL, {"cron": "* * * * *"}, 400, "workflowId"),
    ("POST", ALL, {"id": "nightly", **CRON}, 409, "already"),
    ("POST", ALL, {"id": "x", **CRON, "overlap": "drop"}, 400, "overlap"),
    ("POST", f"{ALL}/nightly/run", {"at": 4e15}, 400, "at"),
    ("POST", f"{ALL}/nightly/run", {"at": "tomorrow"}, 400, "at"),
    ("POST", f"{ALL}/nightly/run", {"at": "2999-01-01T00:00Z"}, 400, "in the future"),
    ("POST", f"{ALL}/nightly/run", {"overlap": "drop"}, 400, "overlap"),
    ("POST", f"{ALL}/nightly/backfill", {}, 400, "from"),
    ("POST", f"{ALL}/nightly/backfill", {"from": 0, "to": "2999-01-01T00:00Z"}, 400, "future"),
    ("PATCH", f"{ALL}/nightly", {"status": "off"}, 400, "status"),
    ("GET", f"{ALL}/other", None, 404, "Schedule not found"),
    ("GET", f"{ALL}/nightly/next?n=0", None, 400, "n"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "error"), REFUSED)
async def test_what_is_wrong_is_told(
    method: str, path: str, body: Any, status: int, error: str
) -> None:
    async with open_bench() as bench:
        await made(bench)
        answer = await bench.client.request(method, path, json=body)

    assert answer.status_code == status, answer.text
    assert error in answer.text


async def test_a_tick_starts_once() -> None:
    async with open_bench() as bench:
        await made(bench)
        at = {"at": "2026-01-01T00:00:00Z"}
        assert (await bench.post(f"{ALL}/nightly/trigger", at)).status_code == 200
        again = await bench.post(f"{ALL}/nightly/trigger", at)

    assert again.status_code == 409
    assert again.json()["code"] == "tick-taken"


async def test_a_declared_schedule_is_only_paused() -> None:
    declared = Schedule("s", "doubled", Every(hours=1), 1)
    async with open_bench(schedules=[declared]) as bench:
        changed = await bench.client.patch(f"{ALL}/s", json={"cron": "0 4 * * *"})
        paused = await bench.client.patch(f"{ALL}/s", json={"status": "paused"})

    assert changed.status_code == 409
    assert paused.json()["status"] == "paused"


async def test_a_principal_sees_the_schedules_of_its_resources() -> None:
    ours = Schedule("ours", "doubled", Cron("0 4 * * *"), 1, resource_id="acme")
    theirs = Schedule("theirs", "doubled", Cron("0 4 * * *"), 1)
    async with open_bench(ServerOptions(tokens=TOKENS), schedules=[ours, theirs]) as bench:
        listed = await bench.client.get(ALL, headers=TEAM)
        hidden = await bench.client.get(f"{ALL}/theirs", headers=TEAM)
        started = await bench.client.post(f"{ALL}/ours/run", headers=TEAM)
        paused = await bench.client.post(f"{ALL}/ours/pause", headers=TEAM)
        every = await bench.client.get(ALL, headers=ROOT)

    assert [each["id"] for each in listed.json()["schedules"]] == ["ours"]
    assert (hidden.status_code, started.status_code, paused.status_code) == (404, 200, 403)
    assert len(every.json()["schedules"]) == 2


async def test_the_page_shows_next_and_last_ticks() -> None:
    odd = Schedule("<odd>", "doubled", Cron("0 4 * * *"), 1, note="<b>bold</b>")
    async with open_bench(schedules=[odd]) as bench:
        await bench.engine.schedules.trigger("<odd>")
        page = (await bench.get("/schedules")).text
        await bench.engine.schedules.pause("<odd>", "holidays")
        paused = (await bench.get("/schedules")).text

    assert "&lt;odd&gt;" in page
    assert "<b>bold" not in page
    assert page.count("04:00") >= 5
    assert "started" in page
    assert "Paused: holidays" in paused
