"""A nursery for a context manager that owns tasks, and is polite about exceptions."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import trio


@asynccontextmanager
async def open_owned_nursery(on_leave: Callable[[], None]) -> AsyncGenerator[trio.Nursery, None]:
    """Open a nursery whose block's own exception leaves as itself, not in a group.

    Args:
      on_leave: Called when the block is left, in any way; tells the tasks to come to an
        end, which is then waited for.
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
    if failure is not None:  # raised out here, so that it does not get itself as a context
        raise _without_group(failure, raised)


def _without_group(failure: BaseException, raised: BaseException | None) -> BaseException:
    """Return what should leave the block: what its body raised, unless there is more."""
    if raised is None or isinstance(raised, trio.Cancelled):
        return failure
    if isinstance(failure, BaseExceptionGroup):
        others = failure.split(lambda exc: exc is raised or isinstance(exc, trio.Cancelled))[1]
        if others is not None:
            return failure
    return raised
