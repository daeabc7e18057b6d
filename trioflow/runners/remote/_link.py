"""The requests and messages of one body to its run, from any thread of a worker."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any, Protocol

import trio

from trioflow.errors import StepClosedError
from trioflow.runners.remote._messages import Answer, Ask, Cancel, Message
from trioflow.runners.remote._packing import PackedError
from trioflow.runners.remote._pickling import dumps_or_blame, loads_or_blame

Asked = Future[tuple[Answer, Any]]
"""A request without an answer yet."""


class Stop(BaseException):
    """Ends a body because it suspends, bails or is interrupted.

    It is not an `Exception`, so that ``except Exception`` in a body does not catch it.
    """

    def __init__(self, method: str, *args: Any) -> None:
        super().__init__(method)
        self.method = method
        self.values = args


class Line(Protocol):
    """The connection of a worker to its run, for all its bodies."""

    lock: threading.Lock
    """Held while a message is sent."""
    ids: Iterator[int]
    waiting: dict[int, Asked]
    """The requests without an answer, by id."""

    def send(self, message: Message, content: bytes = b"") -> None:
        """Send a message. Hold the lock."""


class Link:
    """Sends requests and messages of one body to the run, from any thread."""

    def __init__(self, line: Line, step: str) -> None:
        self._line = line
        self._step = step
        self._asked: set[int] = set()
        self._closed = False
        self._pid = os.getpid()

    def tell(self, message: Message, content: bytes = b"") -> None:
        """Send a message. Blocks while the connection takes no more.

        Raises:
          StepClosedError: if the step has finished.
        """
        with self._line.lock:
            if self._closed or os.getpid() != self._pid:
                raise StepClosedError(self._step)
            self._line.send(message, content)

    def ask(self, method: str, value: Any = None, what: str = "argument") -> Any:
        """Send a request to the run, and return its answer or raise its exception.

        Blocks the thread. *what* is the name of the value in errors.

        Raises:
          NotPicklableError: if the value or the answer cannot be pickled.
          StepClosedError: if the step has finished.
        """
        _, future = self.send(method, value, what)
        return self.unpack(*future.result())

    async def ask_async(self, method: str, value: Any = None, what: str = "argument") -> Any:
        """Send a request like `ask`, but from a task.

        **Cancellation**: cancels the request in the run, and waits for its end. If the request
        completed before, its answer is returned.
        """
        id, future = self.send(method, value, what)
        answered = when_done(future)
        try:
            await answered.wait()
        except trio.Cancelled:
            self.tell(Cancel(id))
            with trio.CancelScope(shield=True):
                await answered.wait()
            if future.result()[0].kind == "canceled":
                raise
        return self.unpack(*future.result())

    def close(self) -> None:
        """End the messages of the body, which has ended: what its threads send now is refused."""
        if os.getpid() != self._pid:  # a process that the body has forked
            os._exit(0)
        with self._line.lock:
            self._closed = True
        for id in self._asked:
            future = self._line.waiting.pop(id, None)
            if future is not None:
                future.set_exception(StepClosedError(self._step))

    def send(self, method: str, value: Any, what: str) -> tuple[int, Asked]:
        """Send a request, and return its id and the future of its answer, for `unpack`.

        Raises:
          NotPicklableError: if the value cannot be pickled.
          StepClosedError: if the step has finished.
        """
        content = dumps_or_blame(value, what, self._step)
        id, future = next(self._line.ids), Asked()
        self._line.waiting[id] = future
        self._asked.add(id)
        self.tell(Ask(id, method), content)
        return id, future

    def unpack(self, answer: Answer, content: bytes) -> Any:
        """Return what a request has returned, or raise what it has raised."""
        if answer.kind == "stopped":
            raise Stop("interrupt")
        value = loads_or_blame(content, "answer", self._step)
        if isinstance(value, PackedError) and answer.kind == "error":
            raise value.unpack()
        return value


def when_done(future: Asked) -> trio.Event:
    """Return an event of this event loop that is set when there is an answer."""
    answered, token = trio.Event(), trio.lowlevel.current_trio_token()
    future.add_done_callback(lambda _: token.run_sync_soon(answered.set))
    return answered
