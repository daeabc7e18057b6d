"""What the workers run: parallel and nested workflows whose bodies leave a trace outside."""

from __future__ import annotations

import os
import zlib
from typing import Any

import trio

from trioflow import Step, StepContext, Workflow, step

TRACE = "TRIOFLOW_CRASH_TRACE"
"""Names the environment variable with the path of the file of traces."""

Flow = Workflow[Any, Any]


def leave_trace(what: str, ctx: StepContext[Any]) -> None:
    """Add a line to the file that all processes share; a line is written whole or not at all."""
    file = os.open(os.environ[TRACE], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    try:
        os.write(file, f"{what} {ctx.step_call_id}\n".encode())
    finally:
        os.close(file)


def mixed(id: str, value: Any) -> int:
    """Return what the step of this id makes of a value."""
    return zlib.crc32(f"{id} {value!r}".encode()) % 1000


def worker(id: str, seconds: float = 0.005) -> Step[Any, int]:
    """Return a step that takes a moment."""

    @step(id=id)
    async def body(value: Any, ctx: StepContext[Any]) -> int:
        leave_trace("begin", ctx)
        await trio.sleep(seconds)
        leave_trace("end", ctx)
        return mixed(id, value)

    return body


@step
async def asks(value: Any, ctx: StepContext[Any]) -> int:
    """Ask a question and do the work with the answer."""
    if ctx.resume_data is None:
        ctx.suspend("go on?")
    leave_trace("begin", ctx)
    await trio.sleep(0.002)
    return mixed("asks", value)


def _inner(id: str) -> Flow:
    arms = [worker(f"{id}-{n}", 0.002 * n) for n in range(3)]
    return Workflow(id, input=Any, output=Any).parallel(*arms).then(worker(f"{id}-end"))


def _wide() -> Flow:
    flow: Flow = Workflow("wide", input=Any, output=Any)
    nested = _inner("left").then(_inner("deep"))
    return flow.then(worker("first")).parallel(nested, _inner("right"), worker("alone", 0.02))


def _long() -> Flow:
    flow: Flow = Workflow("long", input=Any, output=Any)
    for number in range(10):
        flow = flow.then(worker(f"s{number}"))
    return flow.sleep(0.05).map(lambda value: [value + n for n in range(6)], id="items")


FLOWS: tuple[Flow, ...] = (
    _wide().map(sorted, id="names"),
    _long().foreach(_inner("item"), concurrency=3),
    Workflow("loops", input=Any, output=Any)
    .dountil(_inner("round"), lambda _, ctx: ctx.iteration >= 3)
    .parallel(asks, worker("beside"))
    .then(worker("last")),
)
