"""The two workflows on trioflow: ``trioflow serve benchmarks.serving.programs.ours:ticks``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import trio

from trioflow import StepContext, Workflow, step


def is_open(gate: str) -> bool:
    return Path(gate).exists()


@step
async def tick(order: dict[str, Any], ctx: StepContext[Any]) -> int:
    """Wait for the gate to open, then write chunks that say when they were written."""
    while not is_open(order["gate"]):  # noqa: ASYNC110 - another process opens it
        await trio.sleep(0.01)
    for number in range(order["count"]):
        await ctx.write({"tick": number, "at": time.time()})
        if order["pause"]:
            await trio.sleep(order["pause"])
    return int(order["count"])


@step
async def add(number: int) -> int:
    return number + 1


ticks = Workflow("ticks", input=dict[str, Any], output=int).then(tick)
sums = Workflow("sums", input=int, output=int).then(add).then(add.clone("again"))
