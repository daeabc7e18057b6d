"""The run's end of the socket to a worker."""

from __future__ import annotations

import socket
from collections import deque
from contextlib import suppress

import trio

from trioflow.runners.remote import Frame, Message
from trioflow_process.frames import Close, FrameReader, to_parts


class Channel:
    """Sends and receives frames."""

    def __init__(self, connected: socket.socket) -> None:
        connected.setblocking(False)
        self._socket = connected
        self._sending = trio.Lock()
        self._reader = FrameReader()
        self._frames: deque[Frame] = deque()
        self._is_over = False

    async def send(self, message: Message, content: bytes | bytearray = b"") -> None:
        """Send a frame. What is sent to a worker that has died is lost."""
        async with self._sending:
            for part in to_parts(message, content):
                with memoryview(part) as left:
                    await self._send_all(left)

    def send_nowait(self, message: Close) -> None:
        """Send a small frame to a worker that waits for a job."""
        with suppress(OSError):  # it has died, or has ceased to read; closing the runner ends it
            self._socket.send(b"".join(to_parts(message)))

    async def _send_all(self, left: memoryview) -> None:
        sent = 0
        while sent < len(left):
            try:
                sent += self._socket.send(left[sent:])
            except BlockingIOError:
                await trio.lowlevel.wait_writable(self._socket)
            except OSError:
                return

    async def receive(self) -> Frame | None:
        """Return the next frame; None if the worker has died or closed the socket.

        **Checkpoints**: unless a frame has been received already.
        """
        while not self._frames:
            if not self._is_over:
                try:
                    await trio.lowlevel.wait_readable(self._socket)
                except trio.ClosedResourceError:
                    continue  # the worker is dead; read what is left
            if not self._receive_some():
                return None
        return self._frames.popleft()

    def _receive_some(self) -> bool:
        try:
            count = self._socket.recv_into(self._reader.buffer())
        except BlockingIOError:
            return not self._is_over
        except OSError:
            return False
        if count:
            self._frames += self._reader.received(count)
        return count > 0

    def finish(self) -> None:
        """Note that the worker is dead. `receive` returns what it has sent, and then None."""
        # There need not be an end of the stream: a process that the body forked may keep it open.
        self._is_over = True
        trio.lowlevel.notify_closing(self._socket)

    def close(self) -> None:
        """Close the socket. May be repeated."""
        if self._socket.fileno() >= 0:
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()
