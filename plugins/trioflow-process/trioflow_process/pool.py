"""The worker processes of a runner: those that run bodies, and those that wait for one."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import attrs
import trio

from trioflow_process.keeper import Keeper
from trioflow_process.process import Worker

GRACE = 5.0
"""Seconds that a worker has to exit when it is closed."""

logger = logging.getLogger("trioflow.process")


@attrs.define(eq=False)
class Pool:
    """Starts workers on demand, and reuses them."""

    size: int
    """How many idle workers to keep. Bodies that wait for the engine have others."""
    max_calls: float
    """How many bodies a worker runs."""
    idle_seconds: float
    nursery: trio.Nursery
    """Runs the tasks that watch workers."""
    _keeper: Keeper = attrs.field(factory=Keeper)
    _workers: set[Worker] = attrs.field(factory=set)
    """All that are not dead."""
    _idle: list[Worker] = attrs.field(factory=list)
    """Those that wait for a job, the last one used last."""

    @asynccontextmanager
    async def worker(self) -> AsyncGenerator[Worker, None]:
        """Borrow a worker for one body. It is killed unless the body has ended.

        **Cancellation**: kills the worker immediately.
        """
        worker = self._take()
        worker.is_busy = True
        worker.calls += 1
        try:
            yield worker
        finally:
            if worker.is_busy:
                await worker.kill()
                worker.channel.close()
            else:
                self._take_back(worker)

    def _take(self) -> Worker:
        while self._idle:
            worker = self._idle.pop()
            if not worker.dead.is_set() and worker.process.is_alive():
                return worker
        worker = Worker(self._keeper, self.idle_seconds)
        self._workers.add(worker)
        self.nursery.start_soon(self._watch, worker)
        return worker

    async def _watch(self, worker: Worker) -> None:
        await worker.watch()
        self._workers.discard(worker)
        if worker in self._idle:
            self._idle.remove(worker)

    def _take_back(self, worker: Worker) -> None:
        if worker.dead.is_set():
            worker.channel.close()
        elif worker.is_clean and worker.calls < self.max_calls and len(self._idle) < self.size:
            self._idle.append(worker)
        else:
            self.nursery.start_soon(self._close, {worker})

    async def close(self) -> None:
        """Stop all workers, and wait until they are dead, at most `GRACE` seconds."""
        await self._close(set(self._workers))
        await self._keeper.close()

    async def _close(self, workers: set[Worker]) -> None:
        for worker in workers:
            worker.close()
        with trio.CancelScope(shield=True):
            # In a thread, because Trio's clock may be one that does not wait for processes.
            await trio.to_thread.run_sync(Worker.wait_for_end, workers, GRACE)
            late = 0
            for worker in workers & self._workers:
                late += worker.process.is_alive()
                worker.end()
            for worker in workers:
                await worker.dead.wait()
        if late:
            logger.warning("%d idle workers did not exit in time and were killed", late)
