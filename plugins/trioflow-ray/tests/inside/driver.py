"""A program whose body runs on a cluster until the program is killed: ADDRESS FILE."""

from __future__ import annotations

import sys

import trio
from ray_steps import bodies
from trioflow_ray import RayRunner

from trioflow import Workflow, open_engine


async def main(address: str, path: str) -> None:
    flow = Workflow("w", input=str).then(bodies.tick_async)
    async with open_engine(plugins=[], runners={"ray": RayRunner(address)}) as engine:
        await engine.run(flow, path)


if __name__ == "__main__":
    trio.run(main, sys.argv[1], sys.argv[2])
