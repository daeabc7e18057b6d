"""The protocol on standard input and output, which nothing else may use.

While the server runs, file descriptor 1 leads to standard error and 0 to the null device, for
bodies that print, and for processes that they start. The SDK's own transport reads in a thread
that cannot be left, so that Ctrl-C would wait for the client's next message.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import trio
from anyio import ClosedResourceError
from attrs import define, field
from mcp.server import Server
from mcp.server.stdio import stdio_server

T = TypeVar("T")

STDIN, STDOUT, STDERR = 0, 1, 2
CHUNK = 64 * 1024
LARGEST = 64 * 1024 * 1024
"""Most bytes of one message."""


@define
class Wire:
    """Where the protocol is read and written."""

    reading: int
    writing: int


@contextmanager
def claim_streams() -> Iterator[Wire]:
    """Keep standard input and output for the protocol while the block runs."""
    wire = Wire(os.dup(STDIN), os.dup(STDOUT))
    null = os.open(os.devnull, os.O_RDONLY)
    try:
        os.dup2(null, STDIN)
        os.dup2(STDERR, STDOUT)
        yield wire
    finally:
        os.dup2(wire.reading, STDIN)
        os.dup2(wire.writing, STDOUT)
        for descriptor in (null, wire.reading, wire.writing):
            os.close(descriptor)


@define(eq=False)
class Lines:
    """The lines of a file descriptor, read in threads that are left when the server ends."""

    descriptor: int
    on_end: Callable[[], None]
    _limiter: trio.CapacityLimiter = field(factory=lambda: trio.CapacityLimiter(1))
    """Its own, since steps may take all threads that there are."""
    _lines: Iterator[str] = field(factory=lambda: iter(()))
    _rest: bytearray = field(factory=bytearray)

    def __aiter__(self) -> Lines:
        return self

    async def __anext__(self) -> str:
        while True:
            line = next(self._lines, None)
            if line is not None:
                return line
            data = await _in_thread(partial(os.read, self.descriptor, CHUNK), self._limiter)
            if not data or len(self._rest) > LARGEST:
                self.on_end()
                raise StopAsyncIteration
            *ends, rest = data.split(b"\n")
            self._lines = iter([self._take(end) for end in ends])
            self._rest += rest

    def _take(self, end: bytes) -> str:
        line = bytes(self._rest + end)
        self._rest.clear()
        return line.decode("utf-8", "replace")


@define(eq=False)
class Output:
    """Writes to a file descriptor."""

    descriptor: int
    _limiter: trio.CapacityLimiter = field(factory=lambda: trio.CapacityLimiter(1))

    async def write(self, text: str) -> None:
        """Write a text. Cancellation leaves the thread that writes."""
        data = memoryview(text.encode("utf-8", "replace"))
        while data:
            try:
                write = partial(os.write, self.descriptor, data)
                written = await _in_thread(write, self._limiter)
            except OSError as exc:
                raise ClosedResourceError from exc  # the client does not read any more
            data = data[written:]

    async def flush(self) -> None:
        """Do nothing: all is written already."""


async def _in_thread(function: Callable[[], T], limiter: trio.CapacityLimiter) -> T:
    """Call a function in a thread, which is left there if the call is canceled."""
    return await trio.to_thread.run_sync(function, abandon_on_cancel=True, limiter=limiter)


async def serve_stdio(server: Server[Any], wire: Wire, on_end: Callable[[], None]) -> None:
    """Serve one client until it closes standard input.

    Args:
      on_end: Called when it has, before the calls are canceled that are running.
    """
    lines: Any = Lines(wire.reading, on_end)
    output: Any = Output(wire.writing)
    async with stdio_server(lines, output) as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())
