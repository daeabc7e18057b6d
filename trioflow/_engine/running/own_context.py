"""Context variables: what a body sets in them ends with the body.

A body that runs in the task of its run could leave variables set for the steps after it. Its own
copy of the context would cost each step a tenth more, since every turn of the body would pass
through `Context.run`. Instead, the engine compares after each body, and if anything has changed,
the task continues in the context of the scope. Trio reads `Task.context` at each turn of a task.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from contextvars import Context, copy_context

import trio


def is_changed(context: Context) -> bool:
    """Return whether the current context differs from *context*."""
    try:
        return copy_context() != context
    except Exception:  # it is not the identical one, and values cannot always be compared
        return True


async def continue_in(context: Context) -> None:
    """Continue this task in *context*. A checkpoint that cannot be canceled."""
    trio.lowlevel.current_task().context = context
    await trio.lowlevel.cancel_shielded_checkpoint()


@asynccontextmanager
@trio.lowlevel.enable_ki_protection  # the way back is short, and must not be left in the middle
async def same_context() -> AsyncGenerator[None, None]:
    """Leave the block in the `Context` in which it was entered, whose tokens are reset there."""
    task = trio.lowlevel.current_task()
    context = task.context
    try:
        yield
    finally:
        if task.context is not context:
            task.context = context
            await trio.lowlevel.cancel_shielded_checkpoint()
