"""One record stands for all that wait in a step, and for all iterations of its loop."""

from __future__ import annotations

from typing import Any

from trioflow import StepContext, Workflow, step

from .serving import open_bench
from .test_server_shapes import evens, sign

W = "/api/workflows"


@step
async def grow(number: int, ctx: StepContext[Any]) -> int:
    if not ctx.resumed:
        ctx.suspend({"number": number})
    return number + int(ctx.resume_data)


each = Workflow("each", input=list[int]).foreach(sign, concurrency=3)
growing = Workflow("growing", input=int).dountil(grow, lambda number: number > 9)
nested = Workflow("inner", input=int).parallel(grow.clone("z"), grow.clone("a"))
around = Workflow("around", input=int).parallel(grow.clone("last"), grow.clone("first"), nested)
FLOWS = (each, growing, around, evens)


async def test_a_foreach_is_shown_with_what_its_first_waiting_item_asks() -> None:
    async with open_bench(workflows=FLOWS) as bench:
        await bench.start("each", [1, 2, 3], "r")
        body = {"resumeData": True, "forEachIndex": 1}
        result = (await bench.post(f"{W}/each/resume-async", body, runId="r")).json()
        record = (await bench.get(f"{W}/each/runs/r")).json()

    assert result["steps"]["sign"]["suspendPayload"] == {"number": 1}
    assert result["suspendPayload"] == {"sign": {"number": 1}}
    assert record["steps"]["sign"]["suspendPayload"] == {"number": 1}


async def test_a_foreach_that_failed_has_asked_nothing() -> None:
    async with open_bench(workflows=FLOWS) as bench:
        result = await bench.start("evens", [2, 3], "r")

    assert result["steps"]["even"]["suspendPayload"] == {}


async def test_an_iteration_is_shown_with_the_answer_to_an_earlier_one() -> None:
    async with open_bench(workflows=FLOWS) as bench:
        await bench.start("growing", 1, "r")
        path, query = f"{W}/growing/resume-async", {"runId": "r"}
        first = (await bench.post(path, {"resumeData": 5}, **query)).json()["steps"]["grow"]
        second = (await bench.post(path, {"resumeData": 6}, **query)).json()["steps"]["grow"]

    assert (first["status"], first["metadata"]) == ("suspended", {"iterationCount": 2})
    assert (first["resumePayload"], first["suspendPayload"]) == (5, {"number": 6})
    assert first["resumedAt"] <= first["startedAt"]
    assert (second["resumePayload"], second["output"]) == (6, 12)


async def test_what_waits_is_in_the_order_of_the_definition() -> None:
    async with open_bench(workflows=FLOWS) as bench:
        result = await bench.start("around", 1, "r")
        record = (await bench.get(f"{W}/around/runs/r")).json()

    paths = [["last"], ["first"], ["inner", "z"], ["inner", "a"]]
    assert result["suspended"] == paths
    assert list(record["suspendedPaths"]) == [".".join(path) for path in paths]
