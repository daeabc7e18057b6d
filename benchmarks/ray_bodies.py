"""Bodies for `benchmarks.ray`, in a module that workers of Ray can import."""

from __future__ import annotations

import logging
import time
from typing import Any

import trio
from trioflow_ray import Ref, ray_options

from trioflow import StepContext, step

logger = logging.getLogger("benchmarks.ray")
FAR = ray_options(num_cpus=0, resources={"far": 0.1})
NEAR = ray_options(num_cpus=0, resources={"near": 0.1})


def add_one(value: int) -> int:
    return value + 1


@step(runner="ray")
def plain(value: int) -> int:
    """Do the same as `add_one`."""
    return value + 1


@step(runner="ray")
async def write(count: int, ctx: StepContext[Any]) -> float:
    """Return the seconds per chunk."""
    began = time.perf_counter()
    for number in range(count):
        await ctx.write(number)
    return (time.perf_counter() - began) / count


@step(runner="ray")
def log(count: int) -> float:
    """Return the seconds per record."""
    began = time.perf_counter()
    for number in range(count):
        logger.info("record %d", number)
    return (time.perf_counter() - began) / count


@step(runner="ray")
async def hang(value: int, ctx: StepContext[Any]) -> None:
    await ctx.write("begun")
    await trio.sleep_forever()


@step(runner="ray", metadata=NEAR)
def make_value(size: int) -> bytes:
    return b"x" * size


@step(runner="ray", metadata=FAR)
def use_value(value: bytes) -> int:
    return len(value)


@step(runner="ray", metadata=NEAR)
def make_ref(size: int) -> Ref[bytes]:
    return Ref(b"x" * size)


@step(runner="ray", metadata=FAR)
def use_ref(ref: Ref[bytes]) -> int:
    return len(ref.get())
