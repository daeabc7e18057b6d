"""Bodies that pass values on without the engine."""

from __future__ import annotations

import threading
from typing import Any

from attrs import frozen
from trioflow_ray import Ref, ray_options

from trioflow import Retry, StepContext, step

THERE = ray_options(num_cpus=0, resources={"big": 0.1})


@frozen
class Pair:
    """Two values, one of which is large."""

    name: str
    data: Ref[bytes]


@step(runner="ray", metadata=THERE)
def make(size: int) -> Ref[bytes]:
    """Return a value that stays on the second node."""
    return Ref(b"x" * size)


@step(runner="ray")
def measure(data: Ref[bytes]) -> list[Any]:
    """Return what a body sees of a value."""
    return [len(data.get()), data.size, data.step]


@step(runner="ray")
async def pass_on(data: Ref[bytes]) -> Ref[bytes]:
    """Return what came."""
    assert data.get()
    return data


@step(runner="ray")
def make_or_not(size: int) -> Ref[bytes] | None:
    return Ref(b"x" * size) if size else None


@step(runner="ray")
def make_two(size: int) -> list[Ref[bytes]]:
    return [Ref(b"x" * size), Ref(b"y" * size)]


@step(runner="ray")
def make_lock(size: int) -> Ref[Any]:
    return Ref(threading.Lock())


@step(runner="ray")
def measure_all(pairs: list[Pair]) -> list[int]:
    """Use values inside of others."""
    return [len(pair.data.get()) for pair in pairs]


@step(runner="ray")
def look_back(value: Any, ctx: StepContext[Any]) -> int:
    """Use a Ref that is not in the input."""
    return len(ctx.step_result(make).get())


@step(runner="ray")
async def write_new(size: int, ctx: StepContext[Any]) -> Ref[bytes]:
    """Send a Ref before it is there."""
    ref = Ref(b"x" * size)
    await ctx.write(ref)
    return ref


@step(runner="ray", retry=Retry(3))
def measure_again(data: Ref[bytes]) -> list[Any]:
    """Do it when something was asked in between."""
    return [len(data.get())]


@step
async def ask(data: Any, ctx: StepContext[Any]) -> Ref[bytes]:
    """Suspend, and pass on what came."""
    if not ctx.resumed:
        ctx.suspend({})
    passed: Ref[bytes] = ctx.step_result(make)
    return passed


@step
def measure_here(data: Ref[bytes]) -> list[Any]:
    """Return what a thread of the engine's process sees of a value."""
    return [len(data.get()), data.size, data.step]


@step
def make_here(size: int) -> Ref[bytes]:
    """Return a value that is not on the cluster."""
    return Ref(b"x" * size)
