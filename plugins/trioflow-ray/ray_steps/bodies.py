"""Bodies that run on a cluster."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import trio
from trioflow_ray import ray_options

from trioflow import StepContext, step, tool

logger = logging.getLogger("ray_steps")


@tool
async def shout(text: str) -> str:
    return text.upper()


@step(runner="ray")
def double(value: int) -> int:
    return 2 * value


@step(runner="ray")
async def double_later(value: int, ctx: StepContext[Any]) -> int:
    """Use the context in an async body."""
    for number in range(value):
        await ctx.write(number)
    ctx.set_state(count=value)
    assert await ctx.call_tool(shout, "a") == "A"
    return 2 * value


@step(runner="ray")
def use_context(value: int, ctx: StepContext[Any]) -> list[Any]:
    """Use the context in a plain body."""
    for number in range(value):
        trio.from_thread.run(ctx.write, number)
    ctx.set_state(count=value)
    logger.warning("used %d", value)
    told = [ctx.run_id, ctx.step_id, ctx.attempt, dict(ctx.runtime_context)]
    return [*told, trio.from_thread.run(ctx.call_tool, shout, "hello")]


@step(runner="ray")
def ask(value: int, ctx: StepContext[Any]) -> str:
    """Suspend until there is an answer."""
    if ctx.resume_data is None:
        ctx.suspend({"well": value}, label="here")
    return str(ctx.resume_data)


@step(runner="ray")
def fail(value: int) -> None:
    raise ValueError("no", value)


@step(runner="ray")
def give_lock(value: int) -> Any:
    return threading.Lock()


@step(runner="ray")
def die_once(path: str) -> str:
    """Kill the worker the first time."""
    if not Path(path).exists():
        Path(path).touch()
        os._exit(3)
    return "lived"


@step(runner="ray")
async def tick_async(path: str) -> None:
    """Write to a file again and again, and note the end."""
    try:
        while True:
            _tick(path)
            await trio.sleep(0.01)
    finally:
        _tick(path + ".ended")


@step(runner="ray")
def tick(path: str) -> None:
    """Do the same in Python code that never looks."""
    number = 0
    while number >= 0:
        number += 1
        _tick(path)
        time.sleep(0.01)


@step(runner="ray")
def tick_stubbornly(path: str) -> None:
    """Do the same, and ignore interrupts."""
    while True:
        try:
            while True:
                _tick(path)
                time.sleep(0.01)
        except KeyboardInterrupt:
            continue


@step(runner="ray")
def block(path: str) -> None:
    """Block outside of Python, where no interrupt arrives."""
    Path(path + ".new").write_text(str(os.getpid()))
    Path(path + ".new").rename(path)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    time.sleep(100)


def _tick(path: str) -> None:
    with Path(path).open("a") as file:
        file.write(".")


@step(runner="ray", metadata=ray_options(num_cpus=0, resources={"big": 0.5}))
def where_big(value: int) -> str:
    """Return the id of the node with the resource."""
    import ray

    node: str = ray.get_runtime_context().get_node_id()
    return node


@step(runner="ray", metadata=ray_options(num_cpus=0, resources={"gold": 1}))
def never(value: int) -> int:
    return value
