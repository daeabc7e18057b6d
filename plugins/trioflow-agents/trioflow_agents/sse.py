"""Server-sent events of a response, read so that leaving early leaves nothing open."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import trio

from trioflow_agents.errors import ModelError
from trioflow_agents.faults import connection_error, is_of_transport

DONE = "[DONE]"


@asynccontextmanager
async def open_events(
    lines: AsyncIterator[str],
) -> AsyncIterator[AsyncGenerator[dict[str, Any], None]]:
    """Yield an iterator over the JSON objects in the data of server-sent events.

    The client's generators behind *lines* are nested, and closing the outer one leaves the inner
    ones to the garbage collector, which warns. So they are resumed under a canceled scope, and end
    with an exception of their own.
    """
    async with aclosing(_events(lines)) as events:
        try:
            yield events
        finally:
            with trio.CancelScope(deadline=-math.inf):
                async for _ in lines:
                    pass


async def _events(lines: AsyncIterator[str]) -> AsyncGenerator[dict[str, Any], None]:
    try:
        async for line in lines:
            field, _, value = line.partition(":")
            if field == "data" and value.strip() != DONE:
                yield _parsed(value)
    except Exception as exc:
        if is_of_transport(exc):
            raise connection_error(exc) from exc
        raise


def _parsed(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError as exc:
        raise ModelError(f"the reply is not JSON: {text[:200]!r}") from exc
    if not isinstance(value, dict):
        raise ModelError(f"the reply is not a JSON object: {text[:200]!r}")
    return value
