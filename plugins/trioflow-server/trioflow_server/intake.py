"""Receives a request at the client's pace, and notices at once when the client leaves.

An ASGI server hands over messages one by one and waits until each is taken. An application that
does not take them keeps the server from noticing anything else of the connection. So one task per
request takes them all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

import attrs
import trio

from trioflow_server.problems import Problem

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Scope: TypeAlias = MutableMapping[str, Any]


@attrs.define(eq=False)
class Intake:
    """The body of one request, and whether its client is still there."""

    receive: Receive
    limit: int
    """Most bytes of the body; more are discarded, and reading it fails."""
    gone: trio.Event = attrs.field(factory=trio.Event)
    """Set when the client has left."""
    _pieces: list[bytes] = attrs.field(factory=list)
    _size: int = 0
    _is_whole: bool = False
    """Whether the last piece has arrived."""
    _complete: trio.Event = attrs.field(factory=trio.Event)
    """Set when no more pieces are awaited."""

    @property
    def is_too_large(self) -> bool:
        """Whether more than the limit has arrived."""
        return self._size > self.limit

    async def pump(self) -> None:
        """Take all messages until the client leaves."""
        while True:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                self.gone.set()
                self._complete.set()
                return
            if message["type"] == "http.request":
                self._take(message)

    def _take(self, message: Message) -> None:
        piece = message.get("body", b"")
        self._size += len(piece)
        if self.is_too_large:
            self._pieces.clear()
            self._complete.set()
        elif piece:
            self._pieces.append(piece)
        if not message.get("more_body", False):
            self._is_whole = True
            self._complete.set()

    async def body(self, seconds: float) -> bytes:
        """Return the whole body.

        Raises:
          Problem: if it is too large, or does not arrive in *seconds*, or the client leaves.

        **Checkpoints**: if it has not arrived yet.
        """
        with trio.move_on_after(seconds) as patience:
            await self._complete.wait()
        closing = {"connection": "close"}  # what else arrives must not be read as a request
        if self.is_too_large:
            raise Problem(413, "Request body too large", "body-too-large", (), closing)
        if patience.cancelled_caught:
            problem = f"The body did not arrive within {seconds:g} s"
            raise Problem(408, problem, "request-timeout", (), closing)
        if not self._is_whole:  # what has arrived might be read as a shorter request
            problem = "The client has left before the whole body had arrived"
            raise Problem(400, problem, "client-left", (), closing)
        return b"".join(self._pieces)
