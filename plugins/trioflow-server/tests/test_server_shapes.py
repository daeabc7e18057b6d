"""Every kind of node, value and failure has a shape on the wire."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

from trioflow import StepContext, Workflow, constant, step

from .flows import add, double
from .serving import open_bench, read_records

W = "/api/workflows"


@step
async def even(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number


@step
async def sign(number: int, ctx: StepContext[Any]) -> bool:
    if not ctx.resumed:
        ctx.suspend({"number": number})
    return bool(ctx.resume_data)


@step
async def odd_values(value: Any, ctx: StepContext[Any]) -> Any:
    await ctx.write({"at": object, "number": math.inf, 1: {2, 3}})
    return {"nan": math.nan, "text": "\ud800"}


def far(data: Any) -> datetime:
    return datetime(2020, 1, 1, tzinfo=UTC)


inner = Workflow("inner", input=int).then(double).then("double")
shapes = (
    Workflow("shapes", input=int)
    .then(inner)
    .map({"a": constant(1), "b": constant(2)}, id="pair")
    .then(add)
    .map(far, id="date")
    .sleep(0.07, id="nap")
    .sleep(lambda data: 0, id="wink")
    .sleep_until(datetime(2020, 1, 1, tzinfo=UTC), id="then")
    .sleep_until(far, id="past")
    .map(lambda data: 1, id="one")
    .dowhile(double, lambda data: data < 8)
    .wait_for_event("go", double.clone("gone"))
)
evens = Workflow("evens", input=list[int]).foreach(even, concurrency=2, on_error="finish")
signs = Workflow("signs", input=list[int]).foreach(sign)
odd = Workflow("odd", input=Any).then(odd_values)
dozing = Workflow("dozing", input=Any).sleep(0)
FLOWS = (shapes, evens, signs, odd, dozing)


async def test_every_kind_of_node_is_described() -> None:
    async with open_bench(steps=[double], workflows=FLOWS) as bench:
        info = (await bench.get(f"{W}/shapes")).json()
        page = await bench.get(f"{W}/nothing")

    graph = info["stepGraph"]
    assert [node["type"] for node in graph] == [
        *("workflow", "mapping", "tool", "mapping", "sleep", "sleep", "sleepUntil", "sleepUntil"),
        *("mapping", "loop", "waitForEvent"),
    ]
    assert [node["step"]["id"] for node in graph[0]["serializedStepFlow"]] == ["double", "double"]
    assert (graph[4]["duration"], "duration" in graph[5]) == (70.0, False)
    assert (graph[6]["date"][:4], "date" in graph[7]) == ("2020", False)
    assert graph[9]["loopType"] == "dowhile"
    assert info["allSteps"]["inner"]["isWorkflow"]
    assert info["allSteps"]["inner.double"]["isWorkflow"] is False
    assert info["steps"]["add"]["component"] == "TOOL"
    assert page.status_code == 404


async def test_a_foreach_tells_its_items_and_the_first_that_failed() -> None:
    async with open_bench(steps=[double], workflows=FLOWS) as bench:
        path = f"{W}/evens/stream?runId=r"
        async with bench.client.stream("POST", path, json={"inputData": [2, 3, 4]}) as answer:
            found = [record async for record in read_records(answer)]
        result = await bench.start("evens", [2, 3, 4], "s")

    progress = [each["payload"] for each in found if each["type"].endswith("step-progress")]
    assert sorted(each["currentIndex"] for each in progress) == [0, 1, 2]
    assert [each["completedCount"] for each in progress] == [1, 2, 3]
    [ended] = [each["payload"] for each in found if each["type"] == "workflow-step-result"]
    assert (ended["status"], ended["error"]["message"]) == ("failed", "3 is odd")
    assert found[-1]["payload"]["metadata"]["errorMessage"] == "3 is odd"
    assert result["error"]["message"] == "3 is odd"


async def test_items_of_a_foreach_are_answered_by_their_index() -> None:
    async with open_bench(steps=[double], workflows=FLOWS) as bench:
        await bench.start("signs", [1], "r")
        body = {"resumeData": True, "forEachIndex": 0}
        wrong = await bench.post(f"{W}/signs/resume-async", body | {"forEachIndex": 7}, runId="r")
        right = await bench.post(f"{W}/signs/resume-async", body, runId="r")

    assert wrong.status_code == 400
    assert right.json()["result"] == [True]


async def test_values_without_a_json_form_are_shown_as_text() -> None:
    async with open_bench(steps=[double], workflows=FLOWS, store=None) as bench:
        result = await bench.start("odd", 1, "r")
        events = (await bench.get(f"{W}/odd/runs/r/events", format="json")).json()["events"]
        stream = await bench.post(f"{W}/odd/observe", runId="r")

    assert result["result"]["nan"] == "nan"
    [chunk] = [event["payload"]["output"] for event in events if "output" in event["type"]]
    assert (chunk["number"], chunk["at"]) == ("inf", "<class 'object'>")
    assert stream.status_code == 200


async def test_a_travel_to_the_first_step_replaces_the_input_that_is_shown() -> None:
    async with open_bench(steps=[double], workflows=FLOWS) as bench:
        await bench.start("evens", [1], "r")
        body = {"step": "even", "inputData": [2]}
        result = (await bench.post(f"{W}/evens/time-travel-async", body, runId="r")).json()
        record = (await bench.get(f"{W}/evens/runs/r")).json()
        row = (await bench.get(f"{W}/evens/runs")).json()["runs"][0]

    assert (result["input"], result["steps"]["input"], result["result"]) == ([2], [2], [2])
    assert (record["payload"], row["snapshot"]["context"]["input"]) == ([2], [2])


async def test_a_sleep_says_what_it_passes_on_also_if_that_is_nothing() -> None:
    async with open_bench(steps=[double], workflows=FLOWS) as bench:
        path = f"{W}/dozing/stream?runId=r"
        async with bench.client.stream("POST", path, json={"inputData": None}) as answer:
            found = [record async for record in read_records(answer)]

    [waiting] = [each["payload"] for each in found if each["type"].endswith("step-waiting")]
    assert waiting["payload"] is None
