"""Runs of a workflow that has changed since can be read, and say why they cannot continue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import trio

from trioflow import Workflow

from .flows import Order, double, prepare
from .serving import open_bench, read_records

W = "/api/workflows"
CHANGED = (
    Workflow("approve", input=Order, output=str).then(prepare.clone("other")),
    Workflow("doubled", input=int, output=int).then(double.clone("other")),
)
RUNS = pytest.mark.parametrize(
    ("path", "status", "count"),
    [("approve/runs/a", "suspended", 5), ("doubled/runs/d", "success", 4)],
)


@pytest.fixture
async def store(tmp_path: Path) -> str:
    url = f"sqlite:{tmp_path / 'runs.db'}"
    async with open_bench(store=url, plugins=["sql"]) as bench:
        await bench.start("approve", {"amount": 3}, "a")
        await bench.start("doubled", 2, "d")
    return url


@RUNS
async def test_they_are_read_in_every_way(store: str, path: str, status: str, count: int) -> None:
    workflow, _, run_id = path.split("/")
    async with open_bench(store=store, plugins=["sql"], workflows=CHANGED) as bench:
        record = (await bench.get(f"{W}/{path}")).json()
        events = (await bench.get(f"{W}/{path}/events", format="json")).json()
        found: list[Any] = []
        with trio.fail_after(10):
            url = f"{W}/{workflow}/observe?runId={run_id}"
            async with bench.client.stream("POST", url) as answer:
                found = [each async for each in read_records(answer)]

    assert record["status"] == status
    assert [event["seq"] for event in events["events"]] == [*range(events["last"] + 1)]
    assert found[-1]["type"] == "workflow-finish"
    assert found[-1]["payload"]["workflowStatus"] == status
    assert len([each for each in found if "step" in each["type"]]) + 2 == len(found) >= count


async def test_they_do_not_continue(store: str) -> None:
    async with open_bench(store=store, plugins=["sql"], workflows=CHANGED) as bench:
        body = {"resumeData": {"approved": True}}
        answer = await bench.post(f"{W}/approve/resume-async", body, runId="a")

    assert (answer.status_code, answer.json()["code"]) == (409, "workflow-changed")
    assert "run it with the workflow it was started with" in json.dumps(answer.json())
