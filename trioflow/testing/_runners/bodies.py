"""The functions, plain and async, that a runner under test runs.

They are at module level because some runners send them to another process by name.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Any

import attrs
import trio

from trioflow.context import StepContext

Address = tuple[str, int]

TOLD = "told to end"
"""Output of a body that was told to end."""
GIVEN_UP = "nobody waits any more"
PATIENCE = 0.01
"""Seconds between two checks of a body in a thread for cancellation."""

variable: ContextVar[str] = ContextVar("variable", default="not set")


class ProbeError(Exception):
    """Raised by a body."""


@attrs.frozen
class Kind:
    """The bodies, as functions of one kind."""

    name: str
    """The name of the kind in error messages."""
    is_async: bool
    echo: Callable[..., Any]
    """Returns its arguments."""
    fail: Callable[..., Any]
    """Raises a `ProbeError`."""
    describe: Callable[..., Any]
    """Returns the ids and the attempt of its context."""
    look: Callable[..., Any]
    """Returns the value of a context variable."""
    place: Callable[..., Any]
    """Returns the ids of its process and thread."""
    hold: Callable[..., Any]
    """Connects to an address and keeps the connection until it is told to end or is canceled."""
    write: Callable[..., Any]
    """Writes chunks, and then does the same as *hold*."""

    @property
    def functions(self) -> tuple[Callable[..., Any], ...]:
        """All functions of this kind."""
        return self.echo, self.fail, self.describe, self.look, self.place, self.hold, self.write


def echo(*args: Any, **kwargs: Any) -> Any:
    return args, kwargs


def fail(*args: Any) -> None:
    raise ProbeError(*args)


def describe(ctx: StepContext[Any]) -> tuple[Any, ...]:
    is_context = isinstance(ctx, StepContext)
    return is_context, ctx.run_id, ctx.workflow_id, ctx.step_id, ctx.step_call_id, ctx.attempt


def look() -> str:
    return variable.get()


def place() -> tuple[int, int]:
    return os.getpid(), threading.get_ident()


def hold(address: Address) -> str:
    with socket.create_connection(address) as line:
        line.settimeout(PATIENCE)
        while True:
            try:
                return TOLD if line.recv(1) else GIVEN_UP
            except TimeoutError:
                _check_cancelled()
            except ConnectionError:
                return GIVEN_UP


def _check_cancelled() -> None:
    # A runner need not use Trio's threads; then the body cannot notice a cancellation.
    with suppress(RuntimeError):
        trio.from_thread.check_cancelled()


def write(address: Address, chunks: list[Any], ctx: StepContext[Any]) -> str:
    for chunk in chunks:
        trio.from_thread.run(ctx.write, chunk)
    return hold(address)


async def echo_async(*args: Any, **kwargs: Any) -> Any:
    await trio.lowlevel.checkpoint()
    return args, kwargs


async def fail_async(*args: Any) -> None:
    await trio.lowlevel.checkpoint()
    raise ProbeError(*args)


async def describe_async(ctx: StepContext[Any]) -> tuple[Any, ...]:
    return describe(ctx)


async def look_async() -> str:
    return variable.get()


async def place_async() -> tuple[int, int]:
    return place()


async def hold_async(address: Address) -> str:
    async with await trio.open_tcp_stream(*address) as line:
        return TOLD if await line.receive_some(1) else GIVEN_UP


async def write_async(address: Address, chunks: list[Any], ctx: StepContext[Any]) -> str:
    for chunk in chunks:
        await ctx.write(chunk)
    return await hold_async(address)


KINDS = (
    Kind("a plain function", False, echo, fail, describe, look, place, hold, write),
    Kind(
        "an async function",
        True,
        echo_async,
        fail_async,
        describe_async,
        look_async,
        place_async,
        hold_async,
        write_async,
    ),
)
