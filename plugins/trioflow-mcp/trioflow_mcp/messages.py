"""Reads the messages in an HTTP response, so that leaving early leaves nothing open."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import aclosing

import httpx2
import mcp_types as types
import trio
from pydantic import ValidationError

EVENTS = "text/event-stream"
LARGEST = 64 * 1024 * 1024
"""Most bytes of one line, which usually is a message."""
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
    texts = _event_data(response) if kind == EVENTS else _whole(response)
    async with aclosing(texts):
        async for text in texts:
            yield _parsed(text)


def _parsed(text: str) -> types.JSONRPCMessage | NoMessageError:
    try:
        return types.jsonrpc_message_adapter.validate_json(text, by_name=False)
    except ValidationError:
        return NoMessageError(repr(text[:200]))


async def _whole(response: httpx2.Response) -> AsyncGenerator[str, None]:
    whole: list[str] = []
    async with aclosing(_lines(response)) as lines:
        async for line in lines:
            _add(whole, line)
    if any(whole):
        yield "\n".join(whole)


def _add(lines: list[str], line: str) -> None:
    """Add a line to those of a message.

    Raises:
      ReadError: if there are too many.
    """
    lines.append(line)
    if len(lines) > MOST_LINES:
        raise httpx2.ReadError(f"a message has more than {MOST_LINES:,} lines")


async def _event_data(response: httpx2.Response) -> AsyncGenerator[str, None]:
    """Yield the data of the events in a stream that have any."""
    data: list[str] = []
    async with aclosing(_lines(response)) as lines:
        async for line in lines:
            name, _, value = line.partition(":")
            if name == "data":
                _add(data, value.removeprefix(" "))
            elif not line and any(data):
                yield "\n".join(data)
                data = []


async def _lines(response: httpx2.Response) -> AsyncGenerator[str, None]:
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
            if len(line) > LARGEST:
                raise httpx2.ReadError(f"a line has more than {LARGEST:,} bytes")
        yield line.decode("utf-8", "replace")
    finally:
        with trio.CancelScope(deadline=-math.inf):
            async for _ in parts:
                pass
