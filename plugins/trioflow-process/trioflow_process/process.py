"""One worker process, as the process that starts it sees it."""

from __future__ import annotations

import logging
import multiprocessing
import os
import select
import signal
import socket
import time
from collections.abc import Collection
from contextlib import ExitStack, suppress

import trio

from trioflow_process.channel import Channel
from trioflow_process.errors import how_it_ended
from trioflow_process.frames import Close
from trioflow_process.keeper import Keeper
from trioflow_process.worker import work

LAST = 1.0
"""Seconds in which a process that has closed its socket must end."""
CONTEXT = multiprocessing.get_context("spawn")

logger = logging.getLogger("trioflow.process")


class Worker:
    """A process that runs one body after the other."""

    def __init__(self, keeper: Keeper, idle_seconds: float) -> None:
        """Start the process. It ends when the calling thread does.

        Args:
          idle_seconds: Seconds without a job after which it exits.
        """
        keeper.start()
        ours, its = socket.socketpair()
        with ExitStack() as stack, its:
            stack.enter_context(ours)
            self.process = CONTEXT.Process(
                target=work, args=(its, os.getpid(), idle_seconds), name="worker", daemon=True
            )
            # Not in another thread, although it takes some milliseconds: see `lifeline`.
            self.process.start()
            stack.pop_all()
        self.channel = Channel(ours)
        self.calls = 0
        """How many bodies it was given."""
        self.is_busy = False
        self.is_clean = True
        """Whether it can run further bodies."""
        self.levels: object = None
        """The levels of loggers that it knows."""
        self.dead = trio.Event()
        self._was_ended = False
        self._keeper = keeper
        self.pid: int = self.process.pid or 0
        keeper.add(self.pid)
        self._life = _open_life(self.process)

    @property
    def exitcode(self) -> int | None:
        """As in `multiprocessing.Process`; None if it is unknown."""
        return self.process.exitcode

    async def watch(self) -> None:
        """Wait until the process is dead, and clean up after it."""
        await trio.lowlevel.wait_readable(self._life)
        self.process.join()
        self._keeper.remove(self.pid)
        self.dead.set()
        self.channel.finish()
        if self._life != self.process.sentinel:
            os.close(self._life)
        if not self.is_busy:
            self.channel.close()
            if self.exitcode and not self._was_ended:
                logger.warning("an idle worker process %s", how_it_ended(self.exitcode))

    def close(self) -> None:
        """Let the process exit. It runs no body."""
        self.channel.send_nowait(Close())

    async def kill(self) -> None:
        """Kill the process with what it has started, and wait until it is dead."""
        self.end()
        with trio.CancelScope(shield=True):
            await self.dead.wait()

    def end(self) -> None:
        """Kill the process with what it has started."""
        self._was_ended = True
        if not self.dead.is_set():
            with suppress(OSError):  # it has no group of its own yet
                os.killpg(self.pid, signal.SIGKILL)
            self.process.kill()

    async def wait_for_exitcode(self) -> int | None:
        """Wait until the process is dead, and return its exit code, as far as it is known.

        It has closed its end of the socket. It is killed if it does not end.
        """
        await trio.to_thread.run_sync(Worker.wait_for_end, [self], LAST)
        if self.process.is_alive():
            await self.kill()
            return None
        await self.dead.wait()
        return self.exitcode

    @staticmethod
    def wait_for_end(workers: Collection[Worker], seconds: float) -> None:
        """Wait in a thread until processes have exited."""
        deadline = time.monotonic() + seconds
        for worker in workers:
            if not worker.dead.is_set():
                _wait_readable(worker._life, deadline - time.monotonic())


def _open_life(process: multiprocessing.process.BaseProcess) -> int:
    """Return a file descriptor that becomes readable when a process has ended."""
    with suppress(AttributeError, OSError):  # only on Linux, and not on all kernels
        return os.pidfd_open(process.pid or 0)
    # Children that the process has forked keep it open.
    return process.sentinel


def _wait_readable(fd: int, seconds: float) -> None:
    with suppress(OSError, ValueError):  # it was closed meanwhile, since the process has ended
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        poll.poll(max(0, seconds) * 1000)
