"""Watches one request from its arrival to the last byte of its answer."""

from __future__ import annotations

import logging
from typing import Any

import attrs
import trio

from trioflow_server.intake import Message, Scope, Send
from trioflow_server.seen.measures import Measures
from trioflow_server.seen.tracing import METHODS, RequestSpan

OTHER = "(none)"
"""The route of requests that match none; their paths could be anything."""

access_log = logging.getLogger("trioflow.server.access")


@attrs.define(eq=False)
class Watched:
    """One request, as operators see it."""

    scope: Scope
    span: RequestSpan
    measures: Measures
    route: str = OTHER
    principal: str = "-"
    run_id: str = "-"
    status: int = 0
    size: int = 0
    _started: float = attrs.field(factory=trio.current_time)

    @property
    def method(self) -> str:
        """The method; unknown ones have one name."""
        method: str = self.scope["method"]
        return method if method in METHODS else "OTHER"

    def found(self, route: str) -> None:
        """Note the route."""
        self.route = route
        self.span.name(self.method, route)

    def about(self, run_id: str) -> None:
        """Note the run."""
        self.run_id = run_id
        self.span.note_run(run_id)

    def watching(self, send: Send) -> Send:
        """Return a function that sends, and counts what it sends."""

        async def send_and_count(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.status = message["status"]
            else:
                self.size += len(message.get("body", b""))
            await send(message)

        return send_and_count

    def end(self) -> None:
        """Write what happened."""
        seconds = trio.current_time() - self._started
        self.span.end(self.status)
        self.measures.note(self.method, self.route, self.status, seconds)
        client: Any = self.scope.get("client") or ("-",)
        access_log.info(
            '%s %s "%s %s" %d %d %.3f run=%s',
            client[0],
            plain(self.principal),
            self.method,
            plain(self.scope["path"]),
            self.status,
            self.size,
            seconds,
            plain(self.run_id),
        )


def plain(text: str) -> str:
    """Return a text that cannot be taken for another line or field of a log."""
    shown = text.encode("ascii", "backslashreplace").decode()
    kept = "".join(c if c.isprintable() and c not in '" \\' else f"\\x{ord(c):02x}" for c in shown)
    return kept[:500]
