"""Answers that are streams: pieces as they come, for as long as the client stays."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import attrs
import trio
from starlette.responses import Response

from trioflow_server.calls import Call
from trioflow_server.intake import Receive, Scope, Send
from trioflow_server.streams import OpenStreams

Emit: TypeAlias = Callable[[bytes], Awaitable[None]]
"""Sends one piece; waits while the client does not take it."""
Producer: TypeAlias = Callable[[Emit], Awaitable[None]]
"""Emits all pieces of a stream."""

logger = logging.getLogger("trioflow.server")


class StreamAnswer(Response):
    """Sends what a producer emits until it ends, the client leaves, or the server shuts down."""

    def __init__(
        self, call: Call, produce: Producer, media_type: str, heartbeat: bytes, farewell: bytes
    ) -> None:
        """Make an answer.

        Args:
          produce: Emits the pieces.
          heartbeat: Sent when nothing else was for a while.
          farewell: Sent last if the server shuts down.

        Raises:
          Problem: if the client has too many open streams.
        """
        super().__init__(None, 200, {"cache-control": "no-store"}, media_type)
        self.raw_headers = [pair for pair in self.raw_headers if pair[0] != b"content-length"]
        self._call = call
        self._produce = produce
        self._heartbeat = heartbeat
        self._farewell = farewell
        call.service.streams.check(self._owner)

    @property
    def _owner(self) -> str:
        client = self._call.request.client
        address = client.host if client else ""
        return self._call.principal.name if self._call.service.authenticator else address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer."""
        gone = self._call.intake.gone
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        if scope["method"] == "HEAD":
            await send(start)
            await send(_body(b"", more=False))
            return
        with self._call.service.streams.open(self._owner):
            await send(start)
            is_whole = False  # if the client leaves
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_cancel_when, gone, nursery.cancel_scope)
                is_whole = await self._send_all(send)
                nursery.cancel_scope.cancel()
            # Without its last piece the response is broken, for every client to see.
            if is_whole and not gone.is_set():
                await send(_body(b"", more=False))

    async def _send_all(self, send: Send) -> bool:
        """Send all there is; return whether nothing is missing."""
        closing, is_whole = self._call.service.closing, True
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_cancel_when, closing, nursery.cancel_scope)
            pulse = Pulse(self._call.service.options.limits.heartbeat_seconds, send)
            nursery.start_soon(pulse.beat, self._heartbeat)
            await pulse.emit(b"")  # the head is on its way before the first event happens
            try:
                await self._produce(pulse.emit)
            except Exception as exc:  # the status is sent already
                logger.error("a stream was cut short", exc_info=exc)
                is_whole = False
            nursery.cancel_scope.cancel()
        if closing.is_set() and self._farewell:
            await send(_body(self._farewell))
        return is_whole


@attrs.define(eq=False)
class Pulse:
    """Sends pieces, and a sign of life when there was none for a while."""

    seconds: float
    send: Send
    _lock: trio.Lock = attrs.field(factory=trio.Lock)
    _due_at: float = 0.0

    async def emit(self, piece: bytes) -> None:
        """Send a piece."""
        if self._lock.locked():  # it is not worth a checkpoint if nothing else is being sent
            await self._lock.acquire()
        else:
            self._lock.acquire_nowait()
        try:
            if piece:
                await self.send(_body(piece))
        finally:
            self._lock.release()
        self._due_at = trio.current_time() + self.seconds

    async def beat(self, sign: bytes) -> None:
        """Send signs until canceled."""
        while True:
            await trio.sleep_until(self._due_at)
            if trio.current_time() >= self._due_at:
                await self.emit(sign)


SECONDS_PER_STREAM = 0.0002
"""How long a stream waits between two pieces for each stream that is open."""
LONGEST_WAIT = 0.1
"""The maximum in seconds."""
SHORTEST_WAIT = 0.001
"""The minimum in seconds."""
FULL = 65_536
"""Bytes that are sent at once, though more pieces are there."""


@attrs.define(eq=False)
class Flow:
    """Sends pieces together that follow each other faster than they can be sent one by one.

    Sending costs the same for many pieces as for one. A piece after a pause is sent at once; the
    next one waits the longer the more streams there are, and takes with it what comes meanwhile.
    """

    emit: Emit
    streams: OpenStreams
    _held: list[bytes] = attrs.field(factory=list)
    _size: int = 0

    async def add(self, piece: bytes) -> None:
        """Add a piece; sends what there is if it is much."""
        self._held.append(piece)
        self._size += len(piece)
        if self._size > FULL:
            await self._send()

    async def flush(self, *, is_last: bool = False) -> None:
        """Send what there is, and let more come unless it was the last."""
        if self._held:
            await self._send()
            if is_last:
                return
            wait = max(SECONDS_PER_STREAM * self.streams.count, SHORTEST_WAIT)
            await trio.sleep(min(wait, LONGEST_WAIT))

    async def _send(self) -> None:
        pieces, self._held, self._size = self._held, [], 0
        await self.emit(b"".join(pieces))


async def _cancel_when(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


def _body(piece: bytes, more: bool = True) -> dict[str, object]:
    return {"type": "http.response.body", "body": piece, "more_body": more}
