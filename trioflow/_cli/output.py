"""Lines to standard output that neither hold up the run nor get mixed up with prints."""

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
    """Writes text to a file descriptor, waiting for a slow reader as a Trio task does."""

    fd: int
    encoding: str = "utf-8"

    async def write(self, text: str) -> None:
        """Write all of *text*.

        Raises:
          BrokenPipeError: if the reader has gone.

        **Cancellation**: may leave a part of it written.

        **Checkpoints**: only if it has to wait.
        """
        data = memoryview(text.encode(self.encoding, "backslashreplace"))
        while data:
            await self._wait_writable()
            data = data[os.write(self.fd, data[:PIPE_BUF]) :]

    async def wait_closed(self) -> None:
        """Wait until the reader of a pipe has gone; for ever if that cannot be noticed."""
        # Only Linux tells the writing end: it then counts as readable. Others notice at
        # their next write.
        if sys.platform == "linux" and stat.S_ISFIFO(os.fstat(self.fd).st_mode):
            await trio.lowlevel.wait_readable(self.fd)
            if _poll(self.fd, 0) & select.POLLERR:
                return
        await trio.sleep_forever()

    async def _wait_writable(self) -> None:
        # Files are always ready, and epoll would not have them. Windows has no poll at all.
        if hasattr(select, "poll") and not _poll(self.fd, select.POLLOUT):
            await trio.lowlevel.wait_writable(self.fd)


def is_hangup(error: OSError) -> bool:
    """Tell whether a terminal could not be written to because it was closed."""
    return error.errno == errno.EIO


def forget_terminal() -> None:
    """Let what is still written to a terminal that was closed go nowhere."""
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
    """Take standard output for oneself: what others print goes to standard error meanwhile.

    That holds for ``print`` and, as far as there is a real descriptor, for child processes.
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
