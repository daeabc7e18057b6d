"""trioflow: the workloads of `benchmarks.ours`, each with a reader that reads every event."""

from __future__ import annotations

from benchmarks import bodies, ours
from benchmarks.peers.programs.on_trio import timed
from benchmarks.peers.programs.serving import Sample, serve
from trioflow import Workflow, step

noop = step(bodies.noop)


@step
async def add_one(value: int) -> int:
    return value + 1


def chain(length: int) -> Sample:
    workflow = ours.chain_of([noop] * length)
    return timed(ours.run_and_count, workflow, 0, ours.PER_STEP * length + ours.ENDS)


def loop(length: int) -> Sample:
    workflow = Workflow("loop", input=int).dountil(add_one, lambda value: value == length)
    return timed(ours.run_and_count, workflow, 0, ours.PER_STEP * length + ours.ENDS)


def foreach(length: int) -> Sample:
    workflow = Workflow("loop", input=list[int]).foreach(noop, concurrency=100)
    events = length + ours.PER_STEP + ours.ENDS  # one for each item, the others for the loop
    return timed(ours.run_and_count, workflow, list(range(length)), events)


if __name__ == "__main__":
    serve(
        "trioflow",
        {
            "chain-1000": lambda: chain(1000),
            "chain-10000": lambda: chain(10_000),
            "loop-1000": lambda: loop(1000),
            "foreach-1000": lambda: foreach(1000),
            "runs-100": lambda: timed(ours.many_runs, ours.chain_of([noop] * 10), 100, 10),
        },
        others=("trio",),
    )
