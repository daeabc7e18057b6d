"""What code of users is to a trial."""

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
"""Raises, but not once the engine was started again."""


@attrs.frozen
class Code:
    """A workflow with a function in it that raises."""

    build: Callable[[Stage, Flow, Fail], Flow]
    """Takes a workflow without nodes, and what raises."""
    ends: RunStatus = "failed"
    """How the run ends."""
    is_written: bool = False
    """Whether the function is called only when something is written: without a store the run
    ends with success."""
    in_nursery: bool = False
    """Whether it runs in a nursery of its own, which takes every cancellation for its own."""
    event: bool = False
    """Whether it waits for the event ``"event"``, of whose data a hook makes something."""


async def failing(fail: Fail) -> Any:
    """Raise, after a checkpoint."""
    await trio.lowlevel.checkpoint()
    fail()


def raising(ctx: StepContext[Any]) -> NoReturn:
    """Raise, so that what deals with errors is called."""
    raise ValueError("so that it is called")


def yields_and_raises(fail: Fail) -> Tool[..., Any]:
    """Return a streaming tool that raises after a piece."""

    @tool
    async def yields() -> Any:
        yield 1
        await failing(fail)

    return yields
