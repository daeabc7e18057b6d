"""pydantic-graph: a graph made with its `GraphBuilder`, run with ``iter``.

Nothing is persisted. Each task of the graph that ``iter`` hands out is read; that is all a
reader can learn of a run. Spans are off, as nobody listens to them here.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

from pydantic_graph import (
    BaseNode,
    End,
    Graph,
    GraphBuilder,
    GraphRunContext,
    StepContext,
    reduce_list_append,
)

from benchmarks.peers.programs.serving import Sample, expect, serve

IntGraph: TypeAlias = Graph[None, None, int, int]


async def noop(ctx: StepContext[None, None, int]) -> int:
    return ctx.inputs


@dataclass
class Body(BaseNode[None, None, int]):
    """The step of the loop."""

    value: int
    length: int

    async def run(self, ctx: GraphRunContext[None, None]) -> Body | End[int]:
        value = self.value + 1
        return End(value) if value == self.length else Body(value, self.length)


async def begin(ctx: StepContext[None, None, int]) -> Body:
    return Body(0, ctx.inputs)


limit = asyncio.Semaphore(100)


async def noop_of_100(ctx: StepContext[None, None, int]) -> int:
    async with limit:  # there is no limit to the tasks of a map but what steps bring themselves
        return ctx.inputs


async def give_all(ctx: StepContext[None, None, int]) -> list[int]:
    return list(range(ctx.inputs))


def builder(name: str, output: type[Any] = int) -> GraphBuilder[None, None, int, Any]:
    return GraphBuilder(name=name, input_type=int, output_type=output, auto_instrument=False)


def chain_graph(length: int) -> IntGraph:
    g = builder("chain")
    steps = [g.step(noop, node_id=f"step{index}") for index in range(length)]
    nodes = [g.start_node, *steps, g.end_node]
    g.add(*(g.edge_from(one).to(next) for one, next in pairwise(nodes)))
    return g.build()


def loop_graph() -> IntGraph:
    """A node that names the next one itself, which takes half as long as a decision."""
    g = builder("loop")
    first = g.step(begin, node_id="begin")
    g.add(g.edge_from(g.start_node).to(first), g.node(Body))
    return g.build()


def foreach_graph() -> Graph[None, None, int, list[int]]:
    g = builder("foreach", list[int])
    first, item = g.step(give_all, node_id="all"), g.step(noop_of_100, node_id="item")
    join = g.join(reduce_list_append, initial_factory=list[int])
    g.add(
        g.edge_from(g.start_node).to(first),
        g.edge_from(first).map().to(item),
        g.edge_from(item).to(join),
        g.edge_from(join).to(g.end_node),
    )
    return g.build()


async def run(graph: Graph[None, None, int, Any], inputs: int) -> Any:
    async with graph.iter(inputs=inputs) as tasks:
        async for _ in tasks:
            pass
        return tasks.output


async def timed_run(graph: IntGraph, inputs: int, wanted: int) -> float:
    started = time.perf_counter()
    output = await run(graph, inputs)
    seconds = time.perf_counter() - started
    expect("output", output, wanted)
    return seconds


def chain(length: int) -> Sample:
    graph = chain_graph(length)
    return lambda: asyncio.run(timed_run(graph, 7, 7))


def loop(length: int) -> Sample:
    graph = loop_graph()
    return lambda: asyncio.run(timed_run(graph, length, length))


def foreach(length: int) -> Sample:
    graph = foreach_graph()

    async def main() -> float:
        started = time.perf_counter()
        outputs = await run(graph, length)
        seconds = time.perf_counter() - started
        expect("outputs", sum(outputs), sum(range(length)))
        return seconds

    return lambda: asyncio.run(main())


def many_runs(runs: int, length: int) -> Sample:
    graph = chain_graph(length)

    async def main() -> float:
        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run(graph, value)) for value in range(runs)]
        seconds = time.perf_counter() - started
        expect("outputs", [task.result() for task in tasks], list(range(runs)))
        return seconds

    return lambda: asyncio.run(main())


if __name__ == "__main__":
    serve(
        "pydantic-graph",
        {
            "chain-1000": lambda: chain(1000),
            "chain-10000": lambda: chain(10_000),
            "loop-1000": lambda: loop(1000),
            "foreach-1000": lambda: foreach(1000),
            "runs-100": lambda: many_runs(100, 10),
        },
    )
