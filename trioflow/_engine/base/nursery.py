"""A nursery for a context manager that owns tasks and keeps exceptions simple."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import trio

from trioflow._engine.base.outcome import leaves


@asynccontextmanager
async def open_owned_nursery(on_leave: Callable[[], None]) -> AsyncGenerator[trio.Nursery, None]:
    """Open a nursery whose block's own exception is raised as itself, not in a group.

    Args:
      on_leave: Called when the block is left in any way; makes the tasks finish. The nursery then
        waits for them.
    """
    raised: BaseException | None = None
    failure: BaseException | None = None
    try:
        async with trio.open_nursery() as nursery:
            try:
                yield nursery
            except BaseException as exc:
                raised = exc
                raise
            finally:
                on_leave()
    except BaseException as exc:
        failure = exc
    if failure is not None:  # raised here, so that it does not become its own context
        raise _without_group(failure, raised)


def _without_group(failure: BaseException, raised: BaseException | None) -> BaseException:
    """Return what the block raises: the exception of its body, unless there are more."""
    if all(issubclass(type(leaf), KeyboardInterrupt) for leaf in leaves(failure)):
        return next(leaves(failure))  # Ctrl-C ends the program, and is not part of a group
    if raised is None or issubclass(type(raised), trio.Cancelled):
        return failure
    own = {id(leaf) for leaf in leaves(raised)}
    # By leaves, because Trio rebuilds groups when it removes the Cancelled from them.
    others = [leaf for leaf in leaves(failure) if id(leaf) not in own]
    return raised if all(issubclass(type(leaf), trio.Cancelled) for leaf in others) else failure
