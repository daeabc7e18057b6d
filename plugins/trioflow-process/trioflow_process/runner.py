"""The runner for engines."""

from __future__ import annotations

import logging
import math
import os
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any, Self

import trio
import trio_parallel  # type: ignore[import-untyped]

from trioflow import StepContext
from trioflow.abc import Runner
from trioflow.runners import check_blocking
from trioflow_process.pickling import blame, dumps, loads_or_blame
from trioflow_process.pool import Pool
from trioflow_process.reachable import check_reachable
from trioflow_process.worker import Raised, Returned, Stopped

LONGEST_FOLDER = 80
"""Maximum length of the folder's path; the path of a socket is limited to about 100 characters."""
GRACE = 5.0
"""Seconds that idle workers have to exit when the runner is closed."""

logger = logging.getLogger("trioflow.process")


class ProcessRunner(Runner):
    """Runs blocking bodies in worker processes, for CPU-bound steps.

    A worker starts when a body needs one and none is idle, runs one body at a time, and is
    reused. Closing the runner stops all workers. Function, input and output are pickled. The
    body can use its context as in a thread, except for ``ctx.stream_tool``.

    **Cancellation**: kills the worker immediately.
    """

    def __init__(self, workers: int | None = None, *, idle_seconds: float = 600.0) -> None:
        """Create a runner. No worker is started yet.

        Args:
          workers: Maximum number of workers; None: one per CPU. Further bodies wait,
            and this counts towards the ``timeout`` of their step.
          idle_seconds: Seconds after which an idle worker is stopped.

        Raises:
          ValueError: if *workers* or *idle_seconds* is invalid.
        """
        if workers is None:
            workers = os.cpu_count() or 1
        if type(workers) is not int or workers < 1:
            raise ValueError(f"workers must be a whole number >= 1, not {workers!r}")
        if not 0 <= idle_seconds < math.inf:
            raise ValueError(f"idle_seconds must be finite and >= 0, not {idle_seconds!r}")
        self._size = workers
        self._idle_seconds = idle_seconds
        self._pool: Pool | None = None
        self._stack = AsyncExitStack()

    def __repr__(self) -> str:
        return f"ProcessRunner({self._size})"

    async def __aenter__(self) -> Self:
        """Open the runner.

        Raises:
          RuntimeError: if it is already open: each engine needs its own runner.
        """
        if self._pool is not None:
            raise RuntimeError("this ProcessRunner is already open; create one for each engine")
        async with AsyncExitStack() as stack:
            folder = stack.enter_context(_open_folder())
            workers = await stack.enter_async_context(
                trio_parallel.open_worker_context(
                    idle_timeout=self._idle_seconds, grace_period=GRACE
                )
            )
            self._pool = Pool(trio.CapacityLimiter(self._size), workers, folder)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Stop all workers, and wait until they are dead, at most `GRACE` seconds."""
        self._pool = None
        try:
            await self._stack.aclose()
        except trio_parallel.BrokenWorkerError as exc:
            # They are dead, and the outputs of their bodies are known, so this is harmless.
            logger.warning("idle workers did not exit properly: %s", exc)

    def check(self, fn: Callable[..., Any], where: str) -> None:
        check_blocking(fn, where, "in a process")
        check_reachable(fn, where)

    async def run(
        self, ctx: StepContext[Any], fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        """Call *fn* in a worker.

        Raises:
          NotPicklableError: if arguments or output cannot be pickled.
          WorkerCrashedError: if the worker dies.
        """
        if self._pool is None:
            raise trio.ClosedResourceError("the process runner is not open")
        async with self._pool.places:
            content = _packed_call(ctx, fn, args, kwargs)
            outcome = await self._pool.run(ctx, content)
        match outcome:
            case Returned(content):
                return loads_or_blame(content, "result", ctx.step_id)
            case Raised(error):
                raise error.unpack()
            case Stopped(method, content):
                values = loads_or_blame(content, f"what ctx.{method}() was given", ctx.step_id)
                return _stop(ctx, method, values)


def _stop(ctx: StepContext[Any], method: str, values: tuple[Any, ...]) -> Any:
    """Suspend or bail as the body did in the worker."""
    if method == "bail":
        ctx.bail(*values)
    payload, label = values
    ctx.suspend(payload, label=label)


def _packed_call(
    ctx: StepContext[Any], fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> bytes:
    try:
        return dumps((fn, args, kwargs), ctx)
    except Exception as exc:
        values = [value for value in args if value is not ctx]
        named = {name: value for name, value in kwargs.items() if value is not ctx}
        whole: Any = named or values
        if len(values) == 1 and not named:
            whole = values[0]
        raise blame(whole, "input", ctx.step_id, exc) from exc


def _open_folder() -> tempfile.TemporaryDirectory[str]:
    """Return a folder for sockets that only this user can enter."""
    usual = len(tempfile.gettempdir()) <= LONGEST_FOLDER
    return tempfile.TemporaryDirectory(prefix="trioflow-", dir=None if usual else "/tmp")
