"""Writes to standard output without blocking the run or mixing with ``print``."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
import sys
from collections.abc import Iterator

import attrs
import trio

PIPE_BUF = getattr(select, "PIPE_BUF", 512)
"""A pipe that is writable takes this many bytes without blocking."""


@attrs.frozen
class Output:
    """Writes strings to a file descriptor; waiting for a slow reader does not block Trio."""

    fd: int
    encoding: str = "utf-8"

    async def write(self, text: str) -> None:
        """Write all of *text*.

        Raises:
          BrokenPipeError: if the reader has gone.

        **Cancellation**: a part of it may have been written.

        **Checkpoints**: only if it has to wait.
        """
        data = memoryview(text.encode(self.encoding, "backslashreplace"))
        while data:
            await self._wait_writable()
            data = data[os.write(self.fd, data[:PIPE_BUF]) :]

    async def wait_closed(self) -> None:
        """Wait until the reader of a pipe has gone; forever if that cannot be detected."""
        # Only Linux reports this at the writing end, which then counts as readable. On other
        # systems the next write fails.
        if sys.platform == "linux" and stat.S_ISFIFO(os.fstat(self.fd).st_mode):
            await trio.lowlevel.wait_readable(self.fd)
            if _poll(self.fd, 0) & select.POLLERR:
                return
        await trio.sleep_forever()

    async def _wait_writable(self) -> None:
        # Files are always ready, and epoll refuses them. Windows has no poll.
        if hasattr(select, "poll") and not _poll(self.fd, select.POLLOUT):
            await trio.lowlevel.wait_writable(self.fd)


def is_hangup(error: OSError) -> bool:
    """Return whether a write to a terminal failed because the terminal was closed."""
    return error.errno == errno.EIO


def forget_terminal() -> None:
    """Discard all further output to a closed terminal."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.__stdout__, sys.__stderr__):
        if stream is not None and stream.isatty():
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _poll(fd: int, mask: int) -> int:
    poll = select.poll()
    poll.register(fd, mask)
    return next((found for _, found in poll.poll(0)), 0)


@contextlib.contextmanager
def exclusive_stdout() -> Iterator[Output]:
    """Reserve standard output for the caller; redirect all other output to standard error.

    This covers ``print`` and, if standard output is a real descriptor, child processes.
    """
    sys.stdout.flush()
    target = sys.stdout.fileno()
    own = os.dup(target)
    os.dup2(sys.stderr.fileno(), target)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield Output(own)
    finally:
        sys.stdout.flush()
        os.dup2(own, target)
        os.close(own)
