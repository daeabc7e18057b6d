"""The run's end of the socket: executes the requests of a body in a worker."""

from __future__ import annotations

import pickle
from contextlib import aclosing
from typing import Any

import attrs
import trio

from trioflow import StepContext
from trioflow_process import logs
from trioflow_process.asking import METHODS
from trioflow_process.messages import (
    HELLO,
    Answer,
    Ask,
    Cancel,
    LogRecord,
    receive_messages,
    to_frame,
)
from trioflow_process.packing import pack_error
from trioflow_process.pickling import dumps_or_blame, loads_or_blame


@attrs.define(eq=False)
class Service:
    """Serves the worker that runs one body."""

    ctx: StepContext[Any]
    body: trio.CancelScope
    """The cancel scope of the body and its requests."""
    interruption: BaseException | None = None
    """Raised in the run instead of the body's outcome: a question has no answer yet, or a tool
    that the body called suspends its step."""
    _stream: trio.SocketStream | None = None
    _over: trio.Event = attrs.field(factory=trio.Event)
    _sending: trio.Lock = attrs.field(factory=trio.Lock)
    _asked: dict[int, trio.CancelScope] = attrs.field(factory=dict)
    _questions: set[int] = attrs.field(factory=set)

    async def serve(self, listener: trio.SocketListener) -> None:
        """Serve the worker that connects, until it closes the connection."""
        async with await listener.accept() as stream:
            self._stream = stream
            try:
                await self._send(stream, HELLO)
                async with trio.open_nursery() as nursery:
                    await self._receive(stream, nursery)
                    nursery.cancel_scope.cancel()  # requests whose caller is gone
            finally:
                self._over.set()

    async def finish(self) -> None:
        """Wait until all messages of the worker are handled. The body must have ended."""
        if self._stream is not None:
            await self._over.wait()

    async def _receive(self, stream: trio.SocketStream, nursery: trio.Nursery) -> None:
        async with aclosing(receive_messages(stream)) as messages:
            async for message in messages:
                match message:
                    case Ask(id):
                        self._asked[id] = trio.CancelScope()
                        if message.method == "ask":
                            self._questions.add(id)
                        nursery.start_soon(self._answer, stream, message)
                    case Cancel(id) if id in self._asked:
                        self._cancel(id)
                    case LogRecord():
                        logs.handle(message)

    def _cancel(self, id: int) -> None:
        # A question that suspends the call stops its body, which cancels the questions beside it.
        # They belong to the same suspension, and end within a few turns of the scheduler.
        if self.interruption is None or id not in self._questions:
            self._asked[id].cancel()

    async def _answer(self, stream: trio.SocketStream, ask: Ask) -> None:
        answer = Answer(ask.id, "canceled", pickle.dumps(None))
        try:
            with self._asked[ask.id]:
                answer = await self._do(ask)
        except Exception as exc:
            answer = Answer(ask.id, "error", pickle.dumps(pack_error(exc)))
        except BaseException as exc:
            if _is_cancellation(exc):
                raise
            self.interruption = self.interruption or exc
            if isinstance(exc, KeyboardInterrupt):  # the program exits with its workers
                self.body.cancel()
                await trio.sleep_forever()
            answer = Answer(ask.id, "stopped", pickle.dumps(None))
        del self._asked[ask.id]
        self._questions.discard(ask.id)
        await self._send(stream, to_frame(answer))

    async def _do(self, ask: Ask) -> Answer:
        step = self.ctx.step_id
        value = loads_or_blame(ask.content, ask.method, step)
        result = await METHODS[ask.method](self.ctx, value)
        return Answer(ask.id, "result", dumps_or_blame(result, "answer", step))

    async def _send(self, stream: trio.SocketStream, frame: bytes) -> None:
        try:
            async with self._sending:
                await stream.send_all(frame)
        except trio.BrokenResourceError:
            pass  # the worker has died, which is detected where its outcome is awaited


def _is_cancellation(exc: BaseException) -> bool:
    if isinstance(exc, BaseExceptionGroup):  # from a nursery
        return exc.split(trio.Cancelled)[1] is None
    return isinstance(exc, trio.Cancelled)
