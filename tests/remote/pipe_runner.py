"""A runner over a pipe: the kit for runners elsewhere, with the least that it needs around it.

Bodies run one at a time in one process, whose standard input and output take the messages. A body
that is canceled costs the process.
"""

from __future__ import annotations

import inspect
import pickle
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack, suppress
from typing import Any, Self

import attrs
import trio

from trioflow import StepContext
from trioflow.abc import Runner
from trioflow.runners import Place, Places, outside_timeout
from trioflow.runners.remote import (
    Frame,
    Job,
    Levels,
    Logbook,
    Service,
    check_reachable,
    facts_of,
    pack_call,
    result_of,
)

LENGTH = struct.Struct("!Q")


class EndedError(Exception):
    """The process has ended during a body."""


def to_bytes(message: object, content: bytes | bytearray = b"") -> bytes:
    """Return a message with its content, after its length."""
    whole = pickle.dumps((message, bytes(content)))
    return LENGTH.pack(len(whole)) + whole


@attrs.define(eq=False)
class PipePost:
    """The run's end of the pipe."""

    process: trio.Process
    _received: bytearray = attrs.field(factory=bytearray)

    async def send(self, message: object, content: bytes | bytearray = b"") -> None:
        assert self.process.stdin is not None
        with suppress(trio.BrokenResourceError):  # it has ended, which `receive` tells
            await self.process.stdin.send_all(to_bytes(message, content))

    async def receive(self) -> Frame | None:
        head = await self._read(LENGTH.size)
        whole = await self._read(LENGTH.unpack(head)[0]) if head else b""
        return pickle.loads(whole) if whole else None

    async def _read(self, count: int) -> bytes:
        assert self.process.stdout is not None
        while len(self._received) < count:
            part = await self.process.stdout.receive_some()
            if not part:
                return b""
            self._received += part
        taken = bytes(self._received[:count])
        del self._received[:count]
        return taken


class PipeRunner(Runner):
    """Runs bodies in one process. It starts again after one that has ended."""

    def __init__(self, window: int = 1) -> None:
        self._window = window
        self._stack = AsyncExitStack()
        self._post: PipePost | None = None
        self._free = trio.Lock()

    async def __aenter__(self) -> Self:
        self._logbook = Logbook()
        self._places = Places(1, patience=0.1)
        nursery = await self._stack.enter_async_context(trio.open_nursery())
        nursery.start_soon(self._logbook.serve)
        nursery.start_soon(self._places.lend)
        self._stack.push_async_callback(self._close, nursery)
        return self

    async def _close(self, nursery: trio.Nursery) -> None:
        with trio.CancelScope(shield=True):
            await self._end_process()
            await self._logbook.close()
        nursery.cancel_scope.cancel()

    async def __aexit__(self, *exc_info: object) -> None:
        await self._stack.aclose()

    def check(self, fn: Callable[..., Any], where: str) -> None:
        check_reachable(fn, where)

    async def run(
        self, ctx: StepContext[Any], fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        place = self._places.place(ctx.run_id)
        with ExitStack() as waiting:
            waiting.enter_context(outside_timeout(ctx))
            try:
                await place.take()
                async with self._free:
                    is_async = inspect.iscoroutinefunction(fn)
                    job = Job(facts_of(ctx), Levels.here(), True, is_async, self._window)
                    content = pack_call(ctx, fn, args, kwargs)
                    frame = await self._run(ctx, job, content, place, waiting)
            finally:
                place.end()
        return result_of(ctx, *frame)

    async def _run(
        self, ctx: StepContext[Any], job: Job, content: bytes, place: Place, waiting: ExitStack
    ) -> Frame:
        if self._post is None:
            self._post = await _start()
        frame = None
        try:
            await self._post.send(job, content)
            begin, window = waiting.close, self._window
            service = Service(ctx, self._post, place, self._logbook, begin, window)
            frame = await service.serve()
        finally:
            if frame is None:
                with trio.CancelScope(shield=True):
                    await self._end_process(kill=True)
        if service.interruption is not None:
            raise service.interruption
        if frame is None:
            raise EndedError(ctx.step_id)
        return frame

    async def _end_process(self, kill: bool = False) -> None:
        post, self._post = self._post, None
        if post is None:
            return
        if kill:
            post.process.kill()
        assert post.process.stdin is not None
        assert post.process.stdout is not None
        await post.process.stdin.aclose()
        await post.process.wait()
        await post.process.stdout.aclose()


async def _start() -> PipePost:
    command = [sys.executable, "-m", "tests.remote.pipe_worker"]
    pipe = subprocess.PIPE
    return PipePost(await trio.lowlevel.open_process(command, stdin=pipe, stdout=pipe))
