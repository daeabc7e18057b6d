"""A client that is only a socket: it can be slow, wrong, half-closed and gone."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import attrs
import trio


@attrs.define
class Raw:
    """One connection."""

    stream: trio.SocketStream
    host: str
    received: bytes = b""

    async def send(self, data: bytes) -> None:
        """Send bytes."""
        await self.stream.send_all(data)

    async def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Send a whole request."""
        data = b"" if body is None else json.dumps(body).encode()
        given = {"host": self.host, **(headers or {})}
        if body is not None:
            given |= {"content-type": "application/json", "content-length": str(len(data))}
        lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in given.items())]
        await self.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + data)

    async def until(self, wanted: bytes) -> bytes:
        """Read until some bytes have been received; return all up to them."""
        while wanted not in self.received:
            piece = await self.stream.receive_some()
            if not piece:
                raise EOFError(self.received[-500:])
            self.received += piece
        before, _, self.received = self.received.partition(wanted)
        return before + wanted

    async def rest(self) -> bytes:
        """Read until the server closes the connection."""
        while True:
            try:
                piece = await self.stream.receive_some()
            except trio.BrokenResourceError:
                return self.received
            if not piece:
                return self.received
            self.received += piece

    async def status(self) -> int:
        """Read the head of an answer, and return its status."""
        head = await self.until(b"\r\n\r\n")
        return int(head.split()[1])


@asynccontextmanager
async def open_raw(url: str) -> AsyncGenerator[Raw, None]:
    """Connect to a server."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    async with await trio.open_tcp_stream(parts.hostname, parts.port) as stream:
        yield Raw(stream, parts.netloc)
