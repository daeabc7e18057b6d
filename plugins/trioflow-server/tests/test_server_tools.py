"""Tools that are called over HTTP, and what cannot be done in such a call."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio

from trioflow import StepContext, tool

from .flows import add
from .serving import OPEN, open_bench

EXPOSED = attrs.evolve(OPEN, exposed_tools=("*",))


@tool
async def ask_back(ctx: StepContext[Any]) -> None:
    ctx.suspend({"question": "Why?"})


async def test_a_tool_that_suspends_says_that_nobody_can_answer() -> None:
    async with open_bench(EXPOSED, tools=[ask_back]) as bench:
        answer = await bench.post("/api/tools/ask_back/execute", {"data": {}})

    assert (answer.status_code, answer.json()["code"]) == (409, "tool-suspended")
    assert "call it in a step of a workflow" in answer.json()["error"]


@pytest.mark.parametrize(
    ("data", "faults"),
    [
        ({"a": "x", "b": 2}, {"a": ["expected int, received str"]}),
        ({"a": 1}, {"b": ["argument is missing"]}),
        ([1, 2], {"root": ["expected an object, received list"]}),
        ("x", {"root": ["expected an object, received str"]}),
    ],
)
async def test_arguments_that_do_not_fit_are_named(data: Any, faults: Any) -> None:
    async with open_bench(EXPOSED) as bench:
        answer = await bench.post("/api/tools/add/execute", {"data": data})

    assert (answer.status_code, answer.json()["validationErrors"]) == (200, faults)
    assert "validation failed for add" in answer.json()["message"]


async def test_a_call_ends_when_its_client_leaves() -> None:
    begun, ended = trio.Event(), trio.Event()

    @tool
    async def wait() -> None:
        begun.set()
        try:
            await trio.sleep_forever()
        finally:
            ended.set()

    async with open_bench(EXPOSED, tools=[wait, add]) as bench:
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(bench.post, "/api/tools/wait/execute", {"data": {}})
                await begun.wait()
                nursery.cancel_scope.cancel()
            await ended.wait()
