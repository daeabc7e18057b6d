"""F0, the floor: the programs that one would write by hand with Trio alone (`benchmarks.floor`)."""

from __future__ import annotations

from benchmarks import bodies, floor
from benchmarks.peers.programs.on_trio import timed
from benchmarks.peers.programs.serving import Sample, serve


def chain(length: int) -> Sample:
    return timed(floor.chain, steps(length), 0)


def steps(length: int) -> floor.Steps:
    return [(f"step{index}", bodies.noop) for index in range(length)]


if __name__ == "__main__":
    serve(
        "trio",
        {
            "chain-1000": lambda: chain(1000),
            "chain-10000": lambda: chain(10_000),
            "loop-1000": lambda: chain(1000),  # by hand, a chain is a loop
            "foreach-1000": lambda: timed(floor.foreach, list(range(1000)), 100),
            "runs-100": lambda: timed(floor.many_chains, 100, steps(10)),
        },
    )
