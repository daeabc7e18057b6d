"""The server answers: descriptions, runs and streams of the compatible routes."""

from __future__ import annotations

from .serving import open_bench, read_records


async def test_a_workflow_is_described_with_its_graph_and_schemas() -> None:
    async with open_bench() as bench:
        info = (await bench.get("/api/workflows/approve")).json()

    assert info["name"] == "approve"
    assert [node["step"]["id"] for node in info["stepGraph"]] == ["prepare", "ask", "finish"]
    assert '"approved"' in info["allSteps"]["ask"]["resumeSchema"]


async def test_a_run_is_started_answered_and_shown() -> None:
    async with open_bench() as bench:
        suspended = await bench.start("approve", {"amount": 5}, "r1")
        path = "/api/workflows/approve/resume-async"
        body = {"step": "ask", "resumeData": {"approved": True}}
        result = (await bench.post(path, body, runId="r1")).json()
        record = (await bench.get("/api/workflows/approve/runs/r1")).json()

    assert suspended["suspended"] == [["ask"]]
    assert result["result"] == "paid"
    assert record["status"] == "success"
    assert record["steps"]["ask"]["resumePayload"] == {"approved": True}


async def test_a_stream_has_one_record_for_each_event() -> None:
    async with (
        open_bench() as bench,
        bench.client.stream(
            "POST", "/api/workflows/doubled/stream?runId=r1", json={"inputData": 4}
        ) as answer,
    ):
        records = [record async for record in read_records(answer)]

    assert [record["type"] for record in records] == [
        "workflow-start",
        "workflow-step-start",
        "workflow-step-result",
        "workflow-finish",
    ]
    assert records[2]["payload"]["output"] == 8
