"""The worker's end of the socket to its run."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any

from trioflow.runners.remote import Answer, Job, Message
from trioflow_process.frames import Close, FrameReader, Leaving, to_parts
from trioflow_process.lifeline import end_group


class SocketLine:
    """The connection of a worker, for all its bodies.

    A thread reads what arrives, so that any thread of a body may block. It ends the process when
    the other end of the connection is gone.
    """

    def __init__(self, connected: socket.socket) -> None:
        self.lock = threading.Lock()
        """Held while a frame is sent."""
        self.ids: Iterator[int] = itertools.count()
        self.waiting: dict[int, Future[tuple[Answer, Any]]] = {}
        """The requests without an answer, by id."""
        self._socket = connected
        self._jobs: SimpleQueue[list[Any] | None] = SimpleQueue()
        self._is_closing = False
        self._has_worked = False
        threading.Thread(target=self._read, name="trioflow", daemon=True).start()

    def next_job(self, seconds: float) -> list[Any] | None:
        """Wait for the next job; None if the worker must exit, or none came in time.

        The last item is the content, which is to be taken out, because it may be large.
        """
        # A new worker has a job, which only needs to arrive.
        limit = min(seconds, threading.TIMEOUT_MAX) if self._has_worked else None
        self._has_worked = True
        try:
            return self._jobs.get(timeout=limit)
        except Empty:
            self.send(Leaving())
            return None

    def send(self, message: Message | Leaving, content: bytes = b"") -> None:
        """Send a frame. Blocks while the buffer of the socket is full; hold the lock."""
        try:
            for part in to_parts(message, content):
                self._socket.sendall(part)
        except OSError:  # the run is gone
            self._end()

    def _read(self) -> None:
        reader = FrameReader()
        while True:
            try:
                count = self._socket.recv_into(reader.buffer())
            except OSError:
                count = 0
            if not count:
                break
            frames = reader.received(count)
            while frames:
                self._sort(*frames.pop(0))
        self._end()

    def _end(self) -> None:
        if not self._is_closing:
            end_group()

    def _sort(self, message: Message | Close, content: bytes | bytearray) -> None:
        match message:
            case Job():
                self._jobs.put([message, content])
            case Answer():
                future = self.waiting.pop(message.id, None)
                if future is not None:  # the body may have ended without it
                    future.set_result((message, content))
            case Close():
                self._is_closing = True
                self._jobs.put(None)
