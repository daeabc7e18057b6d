"""Bodies that use what a runner can be given."""

from __future__ import annotations

import logging
import os
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import trio
from opentelemetry import trace
from trioflow_ray import ray_options

from trioflow import StepContext, step

logger = logging.getLogger("ray_steps.ways")
request: ContextVar[str] = ContextVar("request")
unset: ContextVar[str] = ContextVar("unset")
odd: ContextVar[Any] = ContextVar("odd")


@step(runner="ray")
async def chatter(count: int, ctx: StepContext[Any]) -> int:
    """Write and log much, without a pause."""
    for number in range(count):
        await ctx.write(number)
        logger.warning("number %d", number)
    return count


@step(runner="ray")
async def mumble(path: str) -> str:
    """Log once, and wait until that has arrived."""
    logger.warning("mumbling")
    while not await trio.Path(path).exists():  # noqa: ASYNC110 - only the test knows
        await trio.sleep(0.01)
    return path


@step(runner="ray")
def look(value: int) -> list[Any]:
    """Return what is around a plain body."""
    span = trace.get_current_span().get_span_context()
    return [request.get("none"), unset.get("none"), f"{span.trace_id:032x}", span.is_remote]


@step(runner="ray")
async def look_later(value: int) -> list[Any]:
    """Return what is around an async body."""
    span = trace.get_current_span().get_span_context()
    return [request.get("none"), unset.get("none"), f"{span.trace_id:032x}", span.is_remote]


@step(runner="ray", metadata=ray_options(num_cpus=0, runtime_env={"env_vars": {"MODE": "own"}}))
def look_outside(value: int) -> str:
    return os.environ.get("MODE", "none")


@step(runner="ray")
def look_inside(value: int) -> str:
    return os.environ.get("MODE", "none")


@step(runner="ray")
def echo(value: bytes) -> bytes:
    return value


@step(runner="ray")
def echo_any(value: Any) -> int:
    return 1


@step(runner="ray")
def tiny(value: int) -> int:
    return value


@step(runner="ray", metadata=ray_options(spread=True))
def node_of(value: int) -> str:
    """Return the id of the node."""
    import ray

    node: str = ray.get_runtime_context().get_node_id()
    return node


@step(runner="ray", metadata=ray_options(num_cpus=0, resources={"spare": 1}))
def hold(path: str, ctx: StepContext[Any]) -> str:
    """Write down on which node it runs, and end when there is a word."""
    import ray

    place = Path(path)
    node: str = ray.get_runtime_context().get_node_id()
    trio.from_thread.run(ctx.write, "begun")
    with (place / "begins").open("a") as file:
        file.write(f"{node}\n")
    while not (place / "go").exists():
        trio.from_thread.run(trio.sleep, 0.02)
    return node
