"""Readers of Server-Sent Events and of lines."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import attrs
import httpx


@attrs.frozen
class Sent:
    """One event, or one comment."""

    event: str
    data: Any
    id: int | None = None


async def read_sse(answer: httpx.Response) -> AsyncIterator[Sent]:
    """Yield the events and the comments of a stream."""
    fields: dict[str, str] = {}
    async for line in answer.aiter_lines():
        if line.startswith(":"):
            yield Sent("comment", line[1:].strip())
        elif line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif "data" in fields:
            id = int(fields["id"]) if "id" in fields else None
            yield Sent(fields["event"], json.loads(fields["data"]), id)
            fields = {}
        else:
            fields = {}


def sse_in(text: bytes) -> Iterator[Sent]:
    """Yield the events in what was received, with the marks of its chunks in between."""
    for id, event, data in re.findall(rb"id: (\d+)\nevent: (\S+)\ndata: (.*)\n\n", text):
        yield Sent(event.decode(), json.loads(data), int(id))


async def read_lines(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """Yield the objects of a stream of lines."""
    async for line in answer.aiter_lines():
        if line.strip():
            yield json.loads(line)
