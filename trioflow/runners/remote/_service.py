"""The run's end of one call: sends a body to a worker, and executes its requests."""

from __future__ import annotations

import pickle
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

import attrs
import trio

from trioflow.context import StepContext
from trioflow.runners import Place, outside_timeout
from trioflow.runners.remote._asking import METHODS, WAITING
from trioflow.runners.remote._logbook import Logbook
from trioflow.runners.remote._messages import (
    Answer,
    Ask,
    Begun,
    Cancel,
    Frame,
    LogRecord,
    Message,
)
from trioflow.runners.remote._packing import pack_error
from trioflow.runners.remote._pickling import dumps_or_blame, loads_or_blame


class Post(Protocol):
    """The connection to the worker."""

    async def send(self, message: Message, content: bytes | bytearray = b"") -> None:
        """Send a message. What is sent to a worker that has died is lost."""

    async def receive(self) -> Frame | None:
        """Return the next message with its content; None if the worker has died."""


@attrs.define(eq=False)
class Service:
    """Serves the worker that runs one body."""

    ctx: StepContext[Any]
    post: Post
    place: Place
    logbook: Logbook
    begin: Callable[[], None]
    """Called when the body begins."""
    window: int = 1
    """How many chunks the body may have under way; with more than 1, it does not wait for each."""
    interruption: BaseException | None = None
    """Raised in the run instead of the body's outcome: a question has no answer yet, or a tool
    that the body called suspends its step."""
    _asked: dict[int, trio.CancelScope] = attrs.field(factory=dict)
    _questions: set[int] = attrs.field(factory=set)
    _has_logged: bool = False
    _chunks: deque[tuple[Ask, bytes | bytearray]] = attrs.field(factory=deque)
    """What the body has written, the first first. Each waits for the one before it."""
    _is_writing: bool = False

    async def serve(self) -> Frame | None:
        """Serve the worker until the body has ended.

        Returns:
          The last message of the body; None if the worker has died or has taken no job, or the
          body must be killed.
        """
        frame = await self._receive()
        if frame is not None and isinstance(frame[0], Ask):  # most bodies request nothing
            async with trio.open_nursery() as nursery:
                frame = await self._execute(frame, nursery)
                nursery.cancel_scope.cancel()  # requests whose caller is gone
        if self._has_logged:
            with outside_timeout(self.ctx):  # slow handlers do not change how the body ended
                await self.logbook.flush()
        return frame

    async def _execute(self, frame: Frame | None, nursery: trio.Nursery) -> Frame | None:
        """Begin requests, *frame* first; return what comes instead of another one."""
        while frame is not None and isinstance(ask := frame[0], Ask):
            self._asked[ask.id] = trio.CancelScope()
            if ask.method == "ask":
                self._questions.add(ask.id)
            self._begin(ask, frame[1], nursery)
            frame = await self._receive()
        return frame

    async def _receive(self) -> Frame | None:
        """Return the next request, or the last message of the body; None if there is none."""
        while (frame := await self.post.receive()) is not None:
            message, content = frame
            match message:
                case Cancel(id):
                    if id in self._asked:
                        self._cancel(id)
                case LogRecord():
                    self._has_logged = True
                    await self.logbook.write(content)
                case Begun():
                    self.begin()
                case _:
                    return frame
        return None

    def _begin(self, ask: Ask, content: bytes | bytearray, nursery: trio.Nursery) -> None:
        """Execute a request in a task; chunks in one, in the order in which they were written."""
        if ask.method != "write":
            nursery.start_soon(self._answer, ask, content, nursery.cancel_scope)
            return
        self._chunks.append((ask, content))
        if not self._is_writing:
            self._is_writing = True
            nursery.start_soon(self._write_all, nursery.cancel_scope)

    async def _write_all(self, body: trio.CancelScope) -> None:
        while self._chunks:
            await self._answer(*self._chunks.popleft(), body)
        self._is_writing = False

    def _cancel(self, id: int) -> None:
        # A question that suspends the call stops its body, which cancels the questions beside it.
        # They belong to the same suspension, and end within a few turns of the scheduler.
        if self.interruption is None or id not in self._questions:
            self._asked[id].cancel()

    async def _answer(self, ask: Ask, content: bytes | bytearray, body: trio.CancelScope) -> None:
        waits = ask.method in WAITING and (ask.method != "write" or self.window == 1)
        if waits:
            self.place.begin_wait()
        answer, value = Answer(ask.id, "canceled"), b""
        try:
            with self._asked[ask.id]:
                value = await self._do(ask, content)
                answer = Answer(ask.id, "result")
        except Exception as exc:
            answer, value = Answer(ask.id, "error"), pickle.dumps(pack_error(exc))
        except BaseException as exc:
            if _is_cancellation(exc):
                raise
            self.interruption = self.interruption or exc
            if isinstance(exc, KeyboardInterrupt):  # the program exits with its workers
                body.cancel()
                await trio.sleep_forever()
            answer = Answer(ask.id, "stopped")
        del self._asked[ask.id]
        self._questions.discard(ask.id)
        if waits:
            with outside_timeout(self.ctx):
                await self.place.end_wait()
        await self.post.send(answer, value)

    async def _do(self, ask: Ask, content: bytes | bytearray) -> bytes:
        step = self.ctx.step_id
        value = loads_or_blame(content, ask.method, step)
        result = await METHODS[ask.method](self.ctx, value)
        return dumps_or_blame(result, "answer", step)


def _is_cancellation(exc: BaseException) -> bool:
    if isinstance(exc, BaseExceptionGroup):  # from a nursery
        return exc.split(trio.Cancelled)[1] is None
    return isinstance(exc, trio.Cancelled)
