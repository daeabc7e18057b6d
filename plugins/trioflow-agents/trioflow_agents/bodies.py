"""Bodies of responses that are no replies, such as error pages: read only up to a bound."""

from __future__ import annotations

import math
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio

LONGEST_PAGE = 64 * 1024
"""Most bytes that are read of a response that is no reply."""
HEADERS = {"Accept-Encoding": "identity"}
"""Sent with each request: of a compressed body nobody knows how long it is."""


async def bound_page(response: Any) -> None:
    """Replace the body of an error or a redirect with its beginning; a hook of HTTPX clients.

    The client itself would read all of it, however long it is.
    """
    if response.is_success:
        return
    parts = aiter(response.stream)
    try:
        async with drained(parts):
            page = await _beginning(parts)
    finally:
        await response.stream.aclose()
    if "content-encoding" in response.headers:
        del response.headers["content-encoding"]
        page = b""
    package: Any = sys.modules[type(response).__module__.partition(".")[0]]
    response.stream = package.ByteStream(page)


async def _beginning(parts: AsyncIterator[bytes]) -> bytes:
    page = bytearray()
    async for part in parts:
        page += part
        if len(page) >= LONGEST_PAGE:
            break
    return bytes(page[:LONGEST_PAGE])


@asynccontextmanager
async def drained(parts: AsyncIterator[bytes]) -> AsyncIterator[None]:
    """End the generators behind *parts* on leaving.

    They are nested, and closing the outer one leaves the inner ones to the garbage collector, which
    warns. So they are resumed under a canceled scope, and end with an exception of their own.
    """
    try:
        yield
    finally:
        with trio.CancelScope(deadline=-math.inf):
            async for _ in parts:
                pass
