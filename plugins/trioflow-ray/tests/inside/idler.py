"""A program whose own cluster idles for as long as its argument says, and is used then."""

from __future__ import annotations

import sys

import trio
from ray_steps import bodies
from trioflow_ray import RayRunner

from trioflow import Workflow, open_engine


async def main(seconds: float) -> None:
    flow = Workflow("w", input=int, output=int).then(bodies.double)
    runner = RayRunner(local={"num_cpus": 1, "object_store_memory": 80 * 1024**2})
    async with open_engine(plugins=[], runners={"ray": runner}) as engine:
        first = await engine.run(flow, 1)
        await trio.sleep(seconds)
        print(first, await engine.run(flow, 2))


if __name__ == "__main__":
    trio.run(main, float(sys.argv[1]))
