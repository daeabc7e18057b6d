"""What a client sends to each server to start the two workflows and to read their events."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from itertools import repeat
from typing import Any, Protocol

from benchmarks.serving.http import Request, exchange


class Dialect(Protocol):
    """How a server is spoken to."""

    def readers(self, host: str, order: dict[str, Any]) -> Iterator[Request]:
        """Yield the requests of readers of one run that ticks, which the first one may start."""
        ...

    def sum(self, number: int) -> Request:
        """Return the request that runs two steps, and is answered at their end."""
        ...


class Mastra:
    """The routes of Mastra: those of its own server, and the compatible ones of ours."""

    def readers(self, host: str, order: dict[str, Any]) -> Iterator[Request]:
        run_id = uuid.uuid4().hex
        path = "/api/workflows/ticks"
        yield Request("POST", f"{path}/stream?runId={run_id}", {"inputData": order})
        yield from repeat(Request("POST", f"{path}/observe?runId={run_id}"))

    def sum(self, number: int) -> Request:
        path = f"/api/workflows/sums/start-async?runId={uuid.uuid4().hex}"
        return Request("POST", path, {"inputData": number})


class Own:
    """Our own routes: Server-Sent Events that can be continued after each event."""

    def readers(self, host: str, order: dict[str, Any]) -> Iterator[Request]:
        run_id = uuid.uuid4().hex
        path = "/api/workflows/ticks/runs"
        exchange(host, Request("POST", f"{path}?runId={run_id}", {"inputData": order}))
        yield from repeat(Request("GET", f"{path}/{run_id}/events"))

    def sum(self, number: int) -> Request:
        return Mastra().sum(number)


class LlamaIndex:
    """The routes of LlamaIndex's server, which streams events as lines of JSON."""

    def readers(self, host: str, order: dict[str, Any]) -> Iterator[Request]:
        answer = exchange(
            host, Request("POST", "/workflows/ticks/run-nowait", {"start_event": order})
        )
        id = json.loads(answer)["handler_id"]
        yield from repeat(Request("GET", f"/events/{id}?sse=false&after_sequence=-1"))

    def sum(self, number: int) -> Request:
        return Request("POST", "/workflows/sums/run", {"start_event": {"number": number}})


DIALECTS: dict[str, Dialect] = {"mastra": Mastra(), "own": Own(), "llama-index": LlamaIndex()}
