"""Connections of hypercorn that can be cut, that end with their client, and that send cheaply."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import trio
from hypercorn.events import Closed, Event, RawData
from hypercorn.trio.tcp_server import TCPServer


class GuardedStream(trio.abc.HalfCloseableStream):
    """A connection that can be cut while something is being sent."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self.address = _address_of(stream.socket)
        """Of the client."""
        self.scope = trio.CancelScope()
        """What runs for the connection."""
        self.requests = 0
        """How many requests are being answered."""
        self.idle_since = trio.current_time()
        """When the last of them was answered."""

    @property
    def socket(self) -> trio.socket.SocketType:
        """The socket, where the server reads the addresses."""
        return self._stream.socket

    def send_nowait(self, data: bytes) -> int:
        """Send what can be sent without waiting; return how many bytes that was.

        Raises:
          trio.BrokenResourceError: if the connection is broken.
        """
        try:
            return os.write(self._stream.socket.fileno(), data)
        except BlockingIOError:
            return 0
        except OSError as exc:
            raise trio.BrokenResourceError("the connection is broken") from exc

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send data; a cut connection is broken."""
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until something can be sent."""
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive some data."""
        return await self._stream.receive_some(max_bytes)

    async def send_eof(self) -> None:
        """Say that nothing more will be sent."""
        await self._stream.send_eof()

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Count a request while it is being answered."""
        self.requests += 1
        try:
            yield
        finally:
            self.requests -= 1
            self.idle_since = trio.current_time()

    def is_idle(self, seconds: float) -> bool:
        """Return whether nothing was asked for so long."""
        return not self.requests and trio.current_time() > self.idle_since + seconds

    def cut(self) -> None:
        """Break the connection, also where something is being sent, which may be shielded."""
        with suppress(OSError):  # it is broken already
            self._stream.socket.shutdown(socket.SHUT_RDWR)


class Connection(TCPServer):
    """A connection of hypercorn that ends when its client has left."""

    async def _read_data(self) -> None:
        await super()._read_data()
        await self.idle_task.stop()  # it would wait for another request

    async def protocol_send(self, event: Event) -> None:
        """Send; what needs no waiting goes out in one step, not under a shield and a lock."""
        if isinstance(event, RawData) and isinstance(self.stream, GuardedStream):
            await self._send(self.stream, event.data)
        else:
            await super().protocol_send(event)

    async def _send(self, stream: GuardedStream, data: bytes) -> None:
        sent = 0
        try:
            if not self.send_lock.locked():
                sent = stream.send_nowait(data)
        except trio.BrokenResourceError:
            await self.protocol.handle(Closed())
            return
        if sent < len(data):
            with trio.CancelScope(shield=True):  # half a chunk would break those that follow
                await super().protocol_send(RawData(data[sent:]))
        else:
            await trio.lowlevel.cancel_shielded_checkpoint()


def _address_of(sock: trio.socket.SocketType) -> str:
    try:
        name = sock.getpeername()
    except OSError:  # it has left already
        return ""
    return str(name[0]) if isinstance(name, tuple) else ""
