"""What the workers run: workflows of all kinds, whose bodies write down when they run."""

from __future__ import annotations

import os
import signal
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import trio

from tests.crash.notes import Notes
from trioflow import Retry, Step, StepContext, Workflow, step

Flow = Workflow[Any, Any]

notes = Notes(Path(), "nobody")
"""Where this process writes down what its bodies do; a worker puts its own here."""


class Body:
    """One run of a body, from outside: what it gives is written down before anyone gets it."""

    def __init__(self, ctx: StepContext[Any]) -> None:
        self.id = notes.new_id()
        self.call = ctx.step_call_id
        self._run = ctx.run_id
        self._attempt = ctx.attempt

    def note(self, phase: str, value: Any = None) -> None:
        notes.write(
            "body",
            phase=phase,
            id=self.id,
            call=self.call,
            run=self._run,
            attempt=self._attempt,
            value=value,
        )

    def gives(self, value: Any) -> Any:
        """Return what the body returns."""
        self.note("end", value)
        return value


@contextmanager
def watched(ctx: StepContext[Any]) -> Generator[Body, None, None]:
    """Write down that a body begins, and that it ends without giving anything."""
    body = Body(ctx)
    body.note("begin")
    try:
        yield body
    except BaseException as exc:
        body.note("left", type(exc).__name__)
        raise


def mixed(id: str, value: Any) -> int:
    """Return what the step of this id makes of a value."""
    return zlib.crc32(f"{id} {value!r}".encode()) % 1000


def worker(id: str, seconds: float = 0.005) -> Step[Any, int]:
    """Return a step that takes a moment."""

    @step(id=id)
    async def body(value: Any, ctx: StepContext[Any]) -> int:
        with watched(ctx) as body:
            await trio.sleep(seconds)
            result: int = body.gives(mixed(id, value))
        return result

    return body


@step
async def asks(value: Any, ctx: StepContext[Any]) -> str:
    """Ask a question, and give the answer."""
    if ctx.resume_data is None:
        ctx.suspend("go on?")
    with watched(ctx) as body:
        await trio.sleep(0.005)
        answer: str = body.gives(ctx.resume_data)
    return answer


@step
async def greets(value: Any, ctx: StepContext[Any]) -> Any:
    """Give what an event has brought that the node has waited for."""
    with watched(ctx) as body:
        await trio.sleep(0.005)
        return body.gives(ctx.resume_data)


@step
async def meets(value: Any, ctx: StepContext[Any]) -> list[str]:
    """Wait for two events in the middle of a body."""
    with watched(ctx) as body:
        first = await ctx.wait_for("first", str)
        await trio.sleep(0.01)
        both: list[str] = body.gives([first, await ctx.wait_for("second", str)])
    return both


@step(retry=Retry(attempts=3, delay=0.3, on=(ConnectionError,)))
async def fails_twice(value: Any, ctx: StepContext[Any]) -> int:
    """Fail in the first two attempts. Attempts that died with the process are among them."""
    with watched(ctx) as body:
        await trio.sleep(0.005)
        if ctx.attempt <= 2:
            raise ConnectionError(f"attempt {ctx.attempt}")
        result: int = body.gives(mixed("fails_twice", value))
    return result


@step
async def explodes(value: Any, ctx: StepContext[Any]) -> int:
    """Take the whole process down each time, as one does that needs too much memory."""
    with watched(ctx):
        notes.write("end", subject=notes.process)  # nobody else sees at once that it dies
        os.kill(os.getpid(), signal.SIGKILL)
        await trio.sleep_forever()


def _flow(id: str) -> Flow:
    return Workflow(id, input=Any, output=Any)


def _inner(id: str) -> Flow:
    arms = [worker(f"{id}-{n}", 0.002 * n) for n in range(3)]
    return _flow(id).parallel(*arms).then(worker(f"{id}-end"))


def _chain() -> Flow:
    flow = _flow("chain")
    for number in range(8):
        flow = flow.then(worker(f"s{number}", 0.01 * (number % 3)))
    return flow.sleep(0.2).then(worker("last"))


def _wide() -> Flow:
    nested = _inner("left").then(_inner("deep"))
    flow = _flow("wide").then(worker("first"))
    return flow.parallel(nested, _inner("right"), worker("alone", 0.05)).map(sorted, id="names")


def _items() -> Flow:
    flow = _flow("items").map(lambda value: [value + n for n in range(6)], id="numbers")
    return flow.foreach(worker("each", 0.02), concurrency=2).foreach(_inner("item"), concurrency=3)


def _loops() -> Flow:
    flow = _flow("loops").dountil(_inner("round"), lambda _, ctx: ctx.iteration >= 3)
    return flow.parallel(asks, worker("beside")).then(worker("last"))


def _events() -> Flow:
    flow = _flow("events").then(worker("first"))
    return flow.wait_for_event("go", greets).then(meets).then(worker("last"))


def _retries() -> Flow:
    return _flow("retries").parallel(fails_twice, worker("beside", 0.1)).then(worker("last"))


BOMB = _flow("bomb").then(worker("before")).then(explodes)
FLOWS: tuple[Flow, ...] = (_chain(), _wide(), _items(), _loops(), _events(), _retries())
ALL = {flow.id: flow for flow in (*FLOWS, BOMB)}
EVENTS = ("go", "first", "second")
"""Which events a run of the workflow ``events`` needs, each once."""
