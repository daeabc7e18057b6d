"""Trials in which tools raise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trioflow.context import StepContext
from trioflow.testing._isolation.bodies import Flow
from trioflow.testing._isolation.code.code import Code, Fail, failing, yields_and_raises
from trioflow.testing._isolation.stage import Stage
from trioflow.tools import Tool, tool


def raises_tool(fail: Fail) -> Tool[..., Any]:
    @tool
    async def raises() -> None:
        await failing(fail)

    return raises


def tool_body(stage: Stage, w: Flow, fail: Fail) -> Flow:
    raises = raises_tool(fail)
    return w.then(stage.bodies.does(lambda ctx: ctx.call_tool(raises)))


def tool_in_a_thread(stage: Stage, w: Flow, fail: Fail) -> Flow:
    @tool
    def blocks() -> None:
        fail()

    return w.then(stage.bodies.does(lambda ctx: ctx.call_tool(blocks)))


def tool_that_is_a_node(stage: Stage, w: Flow, fail: Fail) -> Flow:
    return w.then(raises_tool(fail))


def streaming_tool(stage: Stage, w: Flow, fail: Fail) -> Flow:
    yields = yields_and_raises(fail)
    return w.then(stage.bodies.does(lambda ctx: ctx.call_tool(yields)))


def streaming_tool_that_is_a_node(stage: Stage, w: Flow, fail: Fail) -> Flow:
    return w.then(yields_and_raises(fail))


def streaming_tool_in_a_stream(stage: Stage, w: Flow, fail: Fail) -> Flow:
    yields = yields_and_raises(fail)

    async def do(ctx: StepContext[Any]) -> None:
        async with ctx.stream_tool(yields) as pieces:
            async for _ in pieces:
                pass

    return w.then(stage.bodies.does(do))


def taker_of_pieces(stage: Stage, w: Flow, fail: Fail) -> Flow:
    @tool
    async def yields() -> Any:
        yield 1
        yield 2

    async def do(ctx: StepContext[Any]) -> None:
        async with ctx.stream_tool(yields) as pieces:
            async for _ in pieces:
                await failing(fail)

    return w.then(stage.bodies.does(do))


def collecting(stage: Stage, w: Flow, fail: Fail) -> Flow:
    @tool(combine=lambda pieces: fail())
    async def yields() -> Any:
        yield 1

    return w.then(stage.bodies.does(lambda ctx: ctx.call_tool(yields)))


TOOLS: Mapping[str, Code] = {
    "a tool": Code(tool_body),
    "a tool in a thread": Code(tool_in_a_thread),
    "a tool that is a node": Code(tool_that_is_a_node),
    "a streaming tool": Code(streaming_tool),
    "a streaming tool that is a node": Code(streaming_tool_that_is_a_node),
    "a streaming tool whose pieces a step takes": Code(streaming_tool_in_a_stream),
    "a step that takes pieces": Code(taker_of_pieces),
    "a function that combines pieces": Code(collecting),
}
