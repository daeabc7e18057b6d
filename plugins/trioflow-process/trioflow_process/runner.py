"""The runner for engines."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from functools import partial
from typing import Any, Self

import attrs
import trio

from trioflow import StepContext
from trioflow.abc import Runner
from trioflow.runners import Place, Places, check_blocking, outside_timeout
from trioflow.runners.remote import (
    Frame,
    Job,
    Levels,
    Logbook,
    Service,
    check_reachable,
    facts_of,
    pack_call,
    result_of,
)
from trioflow_process.cpus import usable_cpus
from trioflow_process.errors import WorkerCrashedError
from trioflow_process.frames import Leaving
from trioflow_process.pool import Pool
from trioflow_process.process import Worker

PATIENCE = 0.1
"""Seconds after which a body that waits for the engine lends its place to others."""


@attrs.frozen(eq=False)
class _Open:
    """What an open runner has."""

    nursery: trio.Nursery
    pool: Pool
    places: Places
    logbook: Logbook

    async def close(self) -> None:
        """End all processes and tasks. No body is running."""
        with trio.CancelScope(shield=True):  # all of it takes a few seconds at most
            await self.pool.close()
            await self.logbook.close()
        self.nursery.cancel_scope.cancel()


class ProcessRunner(Runner):
    """Runs blocking bodies in worker processes, for CPU-bound steps.

    A worker starts when a body needs one and none is idle, runs one body at a time, in its main
    thread, and is reused. Closing the runner stops all workers. Function, input and output are
    pickled. The body can use its context as in a thread, except for ``ctx.stream_tool``.

    **Cancellation**: kills the worker immediately.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        idle_seconds: float = 600.0,
        max_calls: int | None = None,
    ) -> None:
        """Create a runner. No worker is started yet.

        Args:
          workers: Maximum number of bodies that run at the same time; None: as many as there are
            CPUs that this process may use. Further bodies wait, which does not count towards
            the ``timeout`` of their step. Bodies that wait for the engine do not count, so there
            may be more processes.
          idle_seconds: Seconds after which an idle worker exits.
          max_calls: Number of bodies after which a worker exits, and another one takes its place;
            None for no limit.

        Raises:
          ValueError: if an argument is invalid.
        """
        if workers is None:
            workers = usable_cpus()
        if type(workers) is not int or workers < 1:
            raise ValueError(f"workers must be a whole number >= 1, not {workers!r}")
        if not 0 <= idle_seconds < math.inf:
            raise ValueError(f"idle_seconds must be finite and >= 0, not {idle_seconds!r}")
        if max_calls is not None and (type(max_calls) is not int or max_calls < 1):
            raise ValueError(f"max_calls must be a whole number >= 1 or None, not {max_calls!r}")
        self._size = workers
        self._idle_seconds = idle_seconds
        self._max_calls = max_calls or math.inf
        self._open: _Open | None = None
        self._stack = AsyncExitStack()

    def __repr__(self) -> str:
        return f"ProcessRunner({self._size})"

    async def __aenter__(self) -> Self:
        """Open the runner.

        Raises:
          RuntimeError: if it is already open: each engine needs its own runner.
        """
        if self._open is not None:
            raise RuntimeError("this ProcessRunner is already open; create one for each engine")
        nursery = await self._stack.enter_async_context(trio.open_nursery())
        nursery.cancel_scope.shield = True  # bodies that are canceled need them until they end
        places = Places(self._size, patience=PATIENCE)
        pool = Pool(self._size, self._max_calls, self._idle_seconds, nursery)
        self._open = _Open(nursery, pool, places, Logbook())
        nursery.start_soon(places.lend)
        nursery.start_soon(self._open.logbook.serve)
        self._stack.push_async_callback(self._open.close)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Stop all workers, and wait until they are dead."""
        self._open = None
        await self._stack.aclose()

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
        if self._open is None:
            raise trio.ClosedResourceError("the process runner is not open")
        place = self._open.places.place(ctx.run_id)
        with ExitStack() as waiting:
            is_timed = waiting.enter_context(outside_timeout(ctx))
            try:
                await place.take()
                call = partial(pack_call, ctx, fn, args, kwargs)
                with place.around():
                    body = _Body(self._open, ctx, call, place, waiting if is_timed else None)
                    frame = await body.run()
            finally:
                place.end()
        return result_of(ctx, *frame)


@attrs.frozen(eq=False)
class _Body:
    """One body that has a place."""

    runner: _Open
    ctx: StepContext[Any]
    pack: Callable[[], bytes]
    """Returns function and arguments, pickled."""
    place: Place
    waiting: ExitStack | None
    """Closed when the body begins; None if its time does not matter."""

    async def run(self) -> Frame:
        """Run the body in a worker, and return its last message."""
        content = self.pack()  # if that fails, no worker is needed
        while True:
            async with self.runner.pool.worker() as worker:
                levels = Levels.here()
                await worker.channel.send(self._job(worker, levels), content)
                content = b""  # it may be large
                frame = await self._serve(worker, levels)
                if not isinstance(frame[0], Leaving):  # it got no job for too long
                    return frame
            content = self.pack()

    def _job(self, worker: Worker, levels: Levels) -> Job:
        new_levels = None if levels == worker.levels else levels
        return Job(facts_of(self.ctx), new_levels, self.waiting is not None)

    async def _serve(self, worker: Worker, levels: Levels) -> Frame:
        begin = self.waiting.close if self.waiting is not None else _nothing
        service = Service(self.ctx, worker.channel, self.place, self.runner.logbook, begin)
        frame = await service.serve()
        if frame is None and service.interruption is None:
            raise WorkerCrashedError(self.ctx.step_id, await worker.wait_for_exitcode())
        if frame is not None:
            worker.is_busy = False
            worker.levels = levels
            worker.is_clean = getattr(frame[0], "is_clean", False)
        if service.interruption is not None:
            raise service.interruption
        assert frame is not None
        return frame


def _nothing() -> None:
    """Begin a body whose time does not matter."""
