"""Worker processes that run bodies, and the sockets to them."""

from __future__ import annotations

import itertools
import os
import pickle
import socket
from collections.abc import Generator, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import attrs
import trio
import trio_parallel  # type: ignore[import-untyped]

from trioflow import StepContext
from trioflow_process.errors import WorkerCrashedError
from trioflow_process.logs import Levels
from trioflow_process.remote import CallFacts
from trioflow_process.service import Service
from trioflow_process.worker import Job, Outcome, run_job


@attrs.frozen(eq=False)
class Pool:
    """Runs one body at a time in each of its workers."""

    places: trio.CapacityLimiter
    """Held by each caller of `run`."""
    workers: Any
    """A `trio_parallel.WorkerContext`: starts workers on demand and reuses them."""
    folder: str
    """The folder of the sockets; only this user may enter it."""
    _numbers: Iterator[int] = attrs.field(factory=itertools.count)

    async def run(self, ctx: StepContext[Any], content: bytes) -> Outcome:
        """Run a body in a worker, and serve its requests.

        Args:
          content: Function and arguments, pickled.

        Raises:
          WorkerCrashedError: if the worker process exits before the body ends.

        **Cancellation**: kills the worker, and waits until it is dead.
        """
        with self._listening() as (listener, address):
            job = Job(CallFacts.of(ctx), address, Levels.here(), content)
            packed = pickle.dumps(job, pickle.HIGHEST_PROTOCOL)
            outcome: Outcome = pickle.loads(await self._run_job(ctx, packed, listener))
            return outcome

    async def _run_job(
        self, ctx: StepContext[Any], packed: bytes, listener: trio.SocketListener
    ) -> bytes:
        outcome, failure = b"", None
        async with trio.open_nursery() as nursery:
            service = Service(ctx, nursery.cancel_scope)
            nursery.start_soon(service.serve, listener)
            try:
                outcome = await self.workers.run_sync(
                    run_job, packed, kill_on_cancel=True, limiter=nullcontext()
                )
            except Exception as exc:  # raised below, outside of an exception group
                failure = exc
            await service.finish()
            nursery.cancel_scope.cancel()
        if service.interruption is not None:
            raise service.interruption
        if isinstance(failure, trio_parallel.BrokenWorkerError):
            raise WorkerCrashedError(ctx.step_id, _exitcode(failure)) from failure
        if failure is not None:
            raise failure
        return outcome

    @contextmanager
    def _listening(self) -> Generator[tuple[trio.SocketListener, str], None, None]:
        address = os.path.join(self.folder, str(next(self._numbers)))
        with socket.socket(socket.AF_UNIX) as opened:
            opened.bind(address)
            try:
                opened.listen(1)
                yield trio.SocketListener(trio.socket.from_stdlib_socket(opened)), address
            finally:
                os.unlink(address)


def _exitcode(failure: trio_parallel.BrokenWorkerError) -> int | None:
    code: int | None = getattr(failure.args[-1], "exitcode", None)
    return code
