"""LangGraph: compiled `StateGraph`s, without a checkpointer, so nothing is persisted.

A reader reads ``stream_mode="updates"``, the usual and cheapest mode that reports each step: one
event a step. The graph is compiled before the time counts. The items of ``foreach`` are `Send`s
to one node, of which ``max_concurrency`` lets 100 run at a time.
"""

from __future__ import annotations

import asyncio
import operator
import os
import time
from typing import Annotated, Any, TypedDict

os.environ["LANGSMITH_TRACING"] = "false"  # before the import, which reads it

from langgraph.graph import END, START, StateGraph
from langgraph.types import Send

from benchmarks.peers.programs.serving import Sample, expect, serve


class Number(TypedDict):
    value: int


class Numbers(TypedDict):
    items: list[int]
    outputs: Annotated[list[int], operator.add]


async def noop(state: Number) -> Number:
    return {"value": state["value"]}


async def add_one(state: Number) -> Number:
    return {"value": state["value"] + 1}


async def noop_item(item: int) -> dict[str, list[int]]:
    return {"outputs": [item]}


def chain_graph(length: int) -> Any:
    graph = StateGraph(Number)
    names = [f"step{index}" for index in range(length)]
    for name in names:
        graph.add_node(name, noop)
    for one, next in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(one, next)
    return graph.compile()


def loop_graph(length: int) -> Any:
    """One node that a conditional edge repeats."""

    def again(state: Number) -> str:
        return "body" if state["value"] < length else END

    graph = StateGraph(Number)
    graph.add_node("body", add_one)
    graph.add_edge(START, "body")
    graph.add_conditional_edges("body", again, ["body", END])
    return graph.compile()


def foreach_graph() -> Any:
    def send_all(state: Numbers) -> list[Send]:
        return [Send("item", item) for item in state["items"]]

    graph = StateGraph(Numbers)
    graph.add_node("item", noop_item)
    graph.add_conditional_edges(START, send_all, ["item"])
    graph.add_edge("item", END)
    return graph.compile()


async def run(graph: Any, inputs: Any, steps: int, **config: int) -> list[Any]:
    config["recursion_limit"] = steps + 1
    updates = [
        update async for update in graph.astream(inputs, config=config, stream_mode="updates")
    ]
    expect("updates", len(updates), steps)
    return updates


async def timed_run(graph: Any, value: int, steps: int, wanted: int) -> float:
    started = time.perf_counter()
    updates = await run(graph, {"value": value}, steps)
    seconds = time.perf_counter() - started
    expect("last update", list(updates[-1].values()), [{"value": wanted}])
    return seconds


def chain(length: int) -> Sample:
    graph = chain_graph(length)
    return lambda: asyncio.run(timed_run(graph, 7, length, 7))


def loop(length: int) -> Sample:
    graph = loop_graph(length)
    return lambda: asyncio.run(timed_run(graph, 0, length, length))


def foreach(length: int) -> Sample:
    graph = foreach_graph()

    async def main() -> float:
        started = time.perf_counter()
        updates = await run(
            graph, {"items": list(range(length)), "outputs": []}, length, max_concurrency=100
        )
        seconds = time.perf_counter() - started
        outputs = sum(update["item"]["outputs"][0] for update in updates)
        expect("outputs", outputs, sum(range(length)))
        return seconds

    return lambda: asyncio.run(main())


def many_runs(runs: int, length: int) -> Sample:
    graph = chain_graph(length)

    async def main() -> float:
        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for value in range(runs):
                group.create_task(run(graph, {"value": value}, length))
        return time.perf_counter() - started

    return lambda: asyncio.run(main())


if __name__ == "__main__":
    serve(
        "langgraph",
        {
            "chain-1000": lambda: chain(1000),
            "chain-10000": lambda: chain(10_000),
            "loop-1000": lambda: loop(1000),
            "foreach-1000": lambda: foreach(1000),
            "runs-100": lambda: many_runs(100, 10),
        },
    )
