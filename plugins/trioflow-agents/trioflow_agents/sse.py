"""Server-sent events of a response, read so that leaving early leaves nothing open."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

from attrs import define

from trioflow_agents.bodies import drained
from trioflow_agents.errors import ModelError
from trioflow_agents.faults import connection_error, is_of_transport

DONE = "[DONE]"
LARGEST = 64 * 1024 * 1024
"""Most bytes of a reply."""


@asynccontextmanager
async def open_events(
    parts: AsyncIterator[bytes],
) -> AsyncIterator[AsyncGenerator[dict[str, Any], None]]:
    """Yield an iterator over the JSON objects in the data of server-sent events.

    A body that is one JSON object, of a server that does not stream, counts as one event.
    """
    async with aclosing(_events(parts)) as events, drained(parts):
        yield events


async def _events(parts: AsyncIterator[bytes]) -> AsyncGenerator[dict[str, Any], None]:
    data: list[str] = []
    seen = _Seen()
    try:
        async with aclosing(_lines(parts)) as lines:
            async for line in lines:
                field, _, value = line.partition(":")
                if seen.is_json(line):
                    data.append(line)
                elif field == "data" and value.strip() != DONE:
                    # Nearly all data is one line, after which some servers send no empty one.
                    event = None if data else _parsed(value)
                    if event is None:
                        data.append(value)
                    else:
                        yield event
                elif not line and data:
                    yield _whole(data)
                    data = []
        if data:
            yield _whole(data)
    except Exception as exc:
        if is_of_transport(exc):
            raise connection_error(exc) from exc
        raise
    seen.check()


FIELDS = frozenset({"data", "event", "id", "retry", ""})
"""What a line of server-sent events begins with, before a colon. Comments begin with the colon."""


@define
class _Seen:
    """What the first line of a body says of the others."""

    first: str = ""

    def is_json(self, line: str) -> bool:
        """Return whether the body is JSON without events, after another line has arrived."""
        self.first = self.first or line
        return self.first.startswith("{")

    def check(self) -> None:
        """Check that the body had events, or was empty.

        Raises:
          ModelError: if it was a page.
        """
        if not self.first.startswith("{") and self.first.partition(":")[0] not in FIELDS:
            raise ModelError(f"the reply is a page and no events: {self.first[:200]!r}")


async def _lines(parts: AsyncIterator[bytes]) -> AsyncGenerator[str, None]:
    length, line = 0, bytearray()
    async for part in parts:
        length += len(part)
        if length > LARGEST:
            raise ModelError(f"the reply has more than {LARGEST:,} bytes")
        *ends, rest = part.split(b"\n")
        for end in ends:
            line += end
            yield line.rstrip(b"\r").decode("utf-8", "replace")
            line.clear()
        line += rest
    yield line.decode("utf-8", "replace")


def _whole(data: list[str]) -> dict[str, Any]:
    text = "\n".join(data)
    event = _parsed(text)
    if event is None:
        raise ModelError(f"the reply is not JSON: {text[:200]!r}")
    return event


def _parsed(text: str) -> dict[str, Any] | None:
    """Return the object that a text describes; None if it is not JSON, or not all of it."""
    try:
        value = json.loads(text)
    except ValueError:
        return None
    except RecursionError as exc:
        raise ModelError("the reply is nested too deeply") from exc
    if not isinstance(value, dict):
        raise ModelError(f"the reply is not a JSON object: {text[:200]!r}")
    return value
