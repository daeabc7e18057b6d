"""The worker's end of the socket to its run."""

from __future__ import annotations

import itertools
import socket
import threading
from concurrent.futures import Future
from typing import Any

import trio

from trioflow.errors import StepClosedError
from trioflow_process.messages import Answer, Ask, Cancel, FrameReader, Message, to_frame
from trioflow_process.packing import PackedError
from trioflow_process.pickling import dumps_or_blame, loads_or_blame

PIECE = 65536


class Stop(BaseException):
    """Ends a body because it suspends, bails or is interrupted.

    It is not an `Exception`, so that ``except Exception`` in a body does not catch it.
    """

    def __init__(self, method: str, *args: Any) -> None:
        super().__init__(method)
        self.method = method
        self.values = args


class Link:
    """Sends requests and messages to the run from any thread.

    It connects on first use; most bodies never use it. A dedicated thread reads the answers, so
    that any thread of the body may block.
    """

    def __init__(self, address: str, step: str) -> None:
        """Create the link of a call of *step* to the run, which listens at the path *address*."""
        self._address = address
        self._step = step
        self._ids = itertools.count()
        self._waiting: dict[int, Future[Answer]] = {}
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._reader: threading.Thread | None = None
        self._closed = False

    def tell(self, message: Message) -> None:
        """Send a message. Blocks while the buffer of the socket is full.

        Raises:
          StepClosedError: if the step has finished.
        """
        with self._lock:
            self._connected().sendall(to_frame(message))

    def ask(self, method: str, value: Any = None, what: str = "argument") -> Any:
        """Send a request to the run, and return its answer or raise its exception.

        Blocks the thread. *what* is the name of the value in errors.

        Raises:
          NotPicklableError: if the value or the answer cannot be pickled.
          StepClosedError: if the step has finished.
        """
        _, future = self._send(method, value, what)
        return self._unpack(future.result())

    async def ask_async(self, method: str, value: Any = None, what: str = "argument") -> Any:
        """Send a request like `ask`, but from a task.

        **Cancellation**: cancels the request in the run, and waits for its end. If the request
        completed before, its answer is returned.
        """
        id, future = self._send(method, value, what)
        answered, token = trio.Event(), trio.lowlevel.current_trio_token()
        future.add_done_callback(lambda _: token.run_sync_soon(answered.set))
        try:
            await answered.wait()
        except trio.Cancelled:
            self.tell(Cancel(id))
            with trio.CancelScope(shield=True):
                await answered.wait()
            if future.result().kind == "canceled":
                raise
        return self._unpack(future.result())

    def close(self) -> None:
        """Close the connection; the run receives nothing more."""
        with self._lock:
            self._closed = True
            if self._socket is not None:
                # close() alone is not enough: a forked child of the body may hold the socket.
                self._socket.shutdown(socket.SHUT_RDWR)
        if self._socket is not None and self._reader is not None:
            self._reader.join()
            self._socket.close()

    def _send(self, method: str, value: Any, what: str) -> tuple[int, Future[Answer]]:
        content = dumps_or_blame(value, what, self._step)
        id, future = next(self._ids), Future[Answer]()
        self._waiting[id] = future
        self.tell(Ask(id, method, content))
        return id, future

    def _connected(self) -> socket.socket:
        if self._closed:
            raise StepClosedError(self._step)
        if self._socket is None:
            opened = socket.socket(socket.AF_UNIX)
            opened.connect(self._address)
            opened.recv(1)  # HELLO: the run now reads everything, even if this process dies
            self._socket = opened
            self._reader = threading.Thread(target=self._read, args=(opened,), daemon=True)
            self._reader.start()
        return self._socket

    def _read(self, opened: socket.socket) -> None:
        frames = FrameReader()
        while piece := self._receive(opened):
            for answer in frames.feed(piece):
                if isinstance(answer, Answer):
                    self._waiting.pop(answer.id).set_result(answer)
        while self._waiting:
            _, future = self._waiting.popitem()
            future.set_exception(StepClosedError(self._step))

    def _receive(self, opened: socket.socket) -> bytes:
        try:
            return opened.recv(PIECE)
        except ConnectionError:  # the run is gone, or is about to kill this process
            return b""

    def _unpack(self, answer: Answer) -> Any:
        if answer.kind == "stopped":
            raise Stop("interrupt")
        content = loads_or_blame(answer.content, "answer", self._step)
        if isinstance(content, PackedError) and answer.kind == "error":
            raise content.unpack()
        return content
