"""A server that sends any bytes, however many, and counts what it could send."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import trio
from attrs import define

CHUNK = 64 * 1024


@define
class RawServer:
    """What a server sends to each client, and how much it could send before the client left."""

    head: bytes
    body: Iterable[bytes]
    url: str = ""
    sent: int = 0

    async def answer(self, stream: trio.SocketStream) -> None:
        """Read a request, and send until the client leaves."""
        async with stream:
            await _read_request(stream)
            try:
                await stream.send_all(self.head)
                for part in self.body:
                    await stream.send_all(part)
                    self.sent += len(part)
            except trio.BrokenResourceError:
                pass


async def _read_request(stream: trio.SocketStream) -> None:
    """Read all of a request: a connection that is closed before is reset."""
    said = b""
    while b"\r\n\r\n" not in said:
        said += await stream.receive_some()
    begin, _, body = said.partition(b"\r\n\r\n")
    missing = int(begin.lower().partition(b"content-length: ")[2].split(b"\r\n")[0]) - len(body)
    while missing > 0:
        missing -= len(await stream.receive_some())


def head(status: int, *headers: str) -> bytes:
    """Return the head of a response whose body ends with the connection."""
    lines = (f"HTTP/1.1 {status} Any", "connection: close", *headers)
    return "\r\n".join((*lines, "", "")).encode()


@asynccontextmanager
async def serve_bytes(head: bytes, body: Iterable[bytes]) -> AsyncIterator[RawServer]:
    """Send bytes to each client in this block."""
    server = RawServer(head, body)
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        server.url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        await nursery.start(trio.serve_listeners, server.answer, listeners)
        try:
            yield server
        finally:
            nursery.cancel_scope.cancel()
