"""Trials in which an argument or output of a tool, or a chunk, cannot be written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import trio

from trioflow.context import StepContext
from trioflow.steps import step
from trioflow.testing._isolation.bodies import Flow, flow, gives_tool, takes, yields_tool
from trioflow.testing._isolation.places.place import Place
from trioflow.testing._isolation.plugin import Made
from trioflow.testing._isolation.stage import Stage
from trioflow.tools import tool


def argument(stage: Stage, w: Flow, value: Any) -> Flow:
    return w.then(stage.bodies.does(lambda ctx: ctx.call_tool(takes, value)))


def argument_of_a_node(stage: Stage, w: Flow, value: Any) -> Flow:
    inner = flow("inner", input=Made).then(takes)
    return w.then(stage.bodies.gives(stage.hidden(value), "before")).then(inner)


def result_of_a_tool(stage: Stage, w: Flow, value: Any) -> Flow:
    gives = gives_tool(value)
    return w.then(stage.bodies.does(lambda ctx: ctx.call_tool(gives)))


def result_of_a_node(stage: Stage, w: Flow, value: Any) -> Flow:
    return w.then(gives_tool(value))


def piece(stage: Stage, w: Flow, value: Any) -> Flow:
    yields = yields_tool(value)
    return w.then(stage.bodies.does(lambda ctx: ctx.call_tool(yields)))


def piece_of_a_node(stage: Stage, w: Flow, value: Any) -> Flow:
    return w.then(yields_tool(value))


def piece_in_a_stream(stage: Stage, w: Flow, value: Any) -> Flow:
    yields = yields_tool(value)

    async def do(ctx: StepContext[Any]) -> None:
        async with ctx.stream_tool(yields) as pieces:
            async for _ in pieces:
                pass

    return w.then(stage.bodies.does(do))


def collected(stage: Stage, w: Flow, value: Any) -> Flow:
    @tool(combine=lambda pieces: value)
    async def collects() -> Any:
        yield 1

    return w.then(stage.bodies.does(lambda ctx: ctx.call_tool(collects)))


def chunk(stage: Stage, w: Flow, value: Any) -> Flow:
    return w.then(stage.bodies.does(lambda ctx: ctx.write(value)))


def chunk_in_a_thread(stage: Stage, w: Flow, value: Any) -> Flow:
    @step
    def blocks(given: Any, ctx: StepContext[Any]) -> None:
        stage.bodies.made[ctx.run_id] += 1
        trio.from_thread.run(ctx.write, value)

    return w.then(blocks)


PIECES: Mapping[str, Place] = {
    "an argument of a tool": Place(argument),
    "an argument of a tool that is a node": Place(argument_of_a_node),
    "the output of a tool": Place(result_of_a_tool),
    "the output of a tool that is a node": Place(result_of_a_node),
    "a piece": Place(piece),
    "a piece of a tool that is a node": Place(piece_of_a_node),
    "a piece that a step takes": Place(piece_in_a_stream),
    "the combined pieces": Place(collected),
    "a chunk": Place(chunk),
    "a chunk from a thread": Place(chunk_in_a_thread),
}
