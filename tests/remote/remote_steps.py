"""Bodies that run elsewhere, and use all that they can use there."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
import trio.lowlevel

from trioflow import StepContext, Tool, step, tool
from trioflow.errors import TrioflowError

logger = logging.getLogger("tests.remote")


class OddError(Exception):
    """Says itself how it is pickled."""

    def __reduce__(self) -> Any:
        return OddError, self.args, {"more": 5}

    def __setstate__(self, state: Any) -> None:
        self.more = state["more"]


class LockedError(Exception):
    """Cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("locked", threading.Lock())
        self.lock = threading.Lock()


@tool
async def shout(text: str) -> str:
    return text.upper()


@tool
async def give_lock() -> Any:
    return threading.Lock()


@asynccontextmanager
async def open_counter() -> AsyncIterator[list[int]]:
    yield [os.getpid()]


@step(runner="pipe")
def double(value: int) -> int:
    return 2 * value


@step(runner="pipe")
async def double_later(value: int, ctx: StepContext[Any]) -> int:
    """Use the context in an async body."""
    await ctx.write({"chunk": value})
    ctx.set_state(count=value)
    await trio.lowlevel.checkpoint()
    return 2 * value


@step(runner="pipe")
def read_all(value: int, ctx: StepContext[Any]) -> dict[str, Any]:
    """Return what the context tells."""
    shouting: Tool[Any, Any] = ctx.find_tool("shout")
    return {
        "call": (ctx.run_id, ctx.workflow_id, ctx.step_id, ctx.step_call_id, ctx.attempt),
        "iteration": ctx.iteration,
        "data": (ctx.init_data, ctx.resume_data, ctx.suspend_data, ctx.resumed),
        "state": ctx.state,
        "context": dict(ctx.runtime_context),
        "results": (ctx.step_result("double"), ctx.step_result("nothing", None)),
        "tool": shouting.id,
        "schema": ctx.json_schema(int),
        "structured": ctx.structure("1", str),
        "json": ctx.to_json({"raw": b"1"}),
        "traced": ctx.tracing_context.current_span,
    }


@step(runner="pipe")
def change_all(value: int, ctx: StepContext[Any]) -> list[Any]:
    """Change what the context lets a body change, and use tools and resources."""
    ctx.set_state(count=value)
    ctx.set_private_state("kit", {"a": value})
    context = ctx.runtime_context
    context["new"] = [value]
    del context["old"]
    trio.from_thread.run(ctx.write, {"chunk": value})
    shouted = trio.from_thread.run(ctx.call_tool, shout, "hello")
    resource = trio.from_thread.run(ctx.resource, "counter")
    private = dict(ctx.private_state("kit"))
    return [shouted, resource == [os.getpid()], private, len(context), repr(context)]


@step(runner="pipe")
def fail(what: str, ctx: StepContext[Any]) -> Any:
    """Fail in some way."""
    match what:
        case "odd":
            raise OddError("a")
        case "locked":
            raise LockedError
        case "interrupt":
            raise ExceptionGroup("two", [ValueError(1), OddError("b")]) from KeyError("k")
        case "result":
            return threading.Lock()
        case "chunk":
            trio.from_thread.run(ctx.write, {"a": [threading.Lock()]})
        case "answer":
            trio.from_thread.run(ctx.call_tool, give_lock)
        case "stream":
            ctx.stream_tool("shout")
        case "none":
            ctx.step_result("later")
        case "exit":
            os._exit(3)
    return None


@step(runner="pipe")
def ask(value: int, ctx: StepContext[Any]) -> Any:
    """Ask a question in the middle."""
    return trio.from_thread.run(ctx.ask, {"well": value}, str)


@step(runner="pipe")
def wait(value: int, ctx: StepContext[Any]) -> Any:
    """Wait for an event."""
    return trio.from_thread.run(ctx.wait_for, "go")


@step(runner="pipe")
def suspend(value: int, ctx: StepContext[Any]) -> Any:
    if ctx.resume_data is None:
        ctx.suspend({"well": value}, label="here")
    return ctx.resume_data


@step(runner="pipe")
def bail(value: int, ctx: StepContext[Any]) -> Any:
    ctx.bail({"early": value})


@step(runner="pipe")
def log(value: int) -> None:
    """Log what can be sent, and what cannot."""
    logger.info("plain %d", value)
    logger.info("with a lock: %s", threading.Lock())
    try:
        raise LockedError
    except LockedError:
        logger.exception("with an error")


late: list[str] = []


@step(runner="pipe")
def leave_thread(value: int, ctx: StepContext[Any]) -> list[str]:
    """Leave a thread behind that uses the context later; return what the last one met."""
    ended = threading.Event()

    def use() -> None:
        ended.wait()
        try:
            ctx.set_state(count=1)
        except TrioflowError as exc:
            late.append(type(exc).__name__)

    thread = threading.Thread(target=use)
    thread.start()
    threading.Timer(0.05, ended.set).start()
    found, late[:] = late[:], []
    return found


@step(runner="pipe")
def sleep(value: int) -> None:
    threading.Event().wait()
