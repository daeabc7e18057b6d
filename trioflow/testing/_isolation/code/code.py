"""The description of code that raises in a trial."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import attrs
import trio

from trioflow.context import StepContext
from trioflow.events import RunStatus
from trioflow.testing._isolation.bodies import Flow
from trioflow.testing._isolation.stage import Stage
from trioflow.tools import Tool, tool

Fail = Callable[[], Any]
"""Raises; for Ctrl-C, only until the engine was restarted."""


@attrs.frozen
class Code:
    """A workflow that contains a function that raises."""

    build: Callable[[Stage, Flow, Fail], Flow]
    """Takes a workflow without nodes, and the function that raises."""
    ends: RunStatus = "failed"
    """The final status of the run."""
    is_written: bool = False
    """Whether the function is called only when something is written: without a store the run
    succeeds."""
    in_nursery: bool = False
    """Whether it runs in its own nursery, which treats every Cancelled as its own."""
    event: bool = False
    """Whether it waits for the event ``"event"``, whose data a hook structures."""


async def failing(fail: Fail) -> Any:
    """Raise, after a checkpoint."""
    await trio.lowlevel.checkpoint()
    fail()


def raising(ctx: StepContext[Any]) -> NoReturn:
    """Raise, so that error handlers are called."""
    raise ValueError("so that it is called")


def yields_and_raises(fail: Fail) -> Tool[..., Any]:
    """Return a streaming tool that raises after a piece."""

    @tool
    async def yields() -> Any:
        yield 1
        await failing(fail)

    return yields
