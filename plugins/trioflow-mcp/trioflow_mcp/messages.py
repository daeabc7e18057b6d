"""Reads the messages in an HTTP response, so that leaving early leaves nothing open."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import aclosing

import httpx2
import mcp_types as types
import trio
from attrs import define, field
from pydantic import ValidationError

EVENTS = "text/event-stream"
LARGEST = 64 * 1024 * 1024
"""Most bytes of one message."""
LARGEST_PAGE = 1024 * 1024
"""Most bytes of a response with the status of an error, which is a message or a page."""
MOST_LINES = 100_000
"""Most lines of one message."""


class NoMessageError(ValueError):
    """What a server sent instead of a message; or its beginning, if it is long."""


async def messages_in(
    response: httpx2.Response,
) -> AsyncGenerator[types.JSONRPCMessage | NoMessageError, None]:
    """Yield the messages in a response: those of a stream of events, or its only one.

    Close it after use. An error is yielded in the place of what is no message.
    """
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not response.is_success:
        texts = _whole(response, LARGEST_PAGE)
    elif kind == EVENTS:
        texts = _event_data(response)
    else:
        texts = _whole(response, LARGEST)
    async with aclosing(texts):
        async for text in texts:
            yield _parsed(text)


def _parsed(text: str) -> types.JSONRPCMessage | NoMessageError:
    try:
        return types.jsonrpc_message_adapter.validate_json(text, by_name=False)
    except ValidationError:
        return NoMessageError(repr(text[:200]))


async def read_page(response: httpx2.Response) -> None:
    """Read a response whose content does not matter, so that its connection can be used again.

    Raises:
      HTTPError: if it is too long, or the connection fails.
    """
    async with aclosing(_whole(response, LARGEST_PAGE)) as texts:
        async for _ in texts:
            pass


@define
class _Message:
    """The lines of a message that have arrived."""

    most: int
    """How many characters it has at most."""
    lines: list[str] = field(factory=list)
    size: int = 0

    def add(self, line: str) -> None:
        """Add a line.

        Raises:
          ReadError: if the message is too long.
        """
        self.lines.append(line)
        self.size += len(line)
        if len(self.lines) > MOST_LINES:
            raise httpx2.ReadError(f"a message has more than {MOST_LINES:,} lines")
        if self.size > self.most:
            raise httpx2.ReadError(f"a message has more than {self.most:,} characters")

    def take(self) -> str:
        """Return the whole message, and begin another one; an empty string if there is none."""
        text = "\n".join(self.lines) if self.size else ""
        self.lines, self.size = [], 0
        return text


async def _whole(response: httpx2.Response, most: int) -> AsyncGenerator[str, None]:
    whole = _Message(most)
    async with aclosing(_lines(response, most)) as lines:
        async for line in lines:
            whole.add(line)
    text = whole.take()
    if text:
        yield text


async def _event_data(response: httpx2.Response) -> AsyncGenerator[str, None]:
    """Yield the data of the events in a stream that have any."""
    data = _Message(LARGEST)
    async with aclosing(_lines(response, LARGEST)) as lines:
        async for line in lines:
            name, _, value = line.partition(":")
            if name == "data":
                data.add(value.removeprefix(" "))
            elif not line and data.size:
                yield data.take()


async def _lines(response: httpx2.Response, most: int) -> AsyncGenerator[str, None]:
    """Yield the lines of a response.

    The client's generators are nested, and closing the outer one leaves the inner ones to the
    garbage collector, which warns. So they are resumed under a canceled scope, and end with an
    exception of their own.
    """
    parts = response.aiter_bytes()
    line = bytearray()
    try:
        async for part in parts:
            *ends, rest = part.split(b"\n")
            for end in ends:
                line += end
                yield line.rstrip(b"\r").decode("utf-8", "replace")
                line.clear()
            line += rest
            if len(line) > most:
                raise httpx2.ReadError(f"a line has more than {most:,} bytes")
        yield line.decode("utf-8", "replace")
    finally:
        with trio.CancelScope(deadline=-math.inf):
            async for _ in parts:
                pass
