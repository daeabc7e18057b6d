"""Awaits what a body awaits, and reports each step of it to a watch."""

from __future__ import annotations

import ctypes
from collections.abc import AsyncGenerator, Awaitable, Generator
from types import FrameType
from typing import TYPE_CHECKING, Any

import attrs
import trio

from trioflow.testing._bodies.pace import line_of

if TYPE_CHECKING:
    from trioflow.testing._bodies.watching import Watch


class GivenUpError(BaseException):
    """Raised in a body that does not end. Not an Exception, so that the body lets it pass."""


@attrs.define(eq=False)
class Driven(Generator[Any, Any, Any]):
    """Awaits what a body awaits, and reports it to a `Watch`.

    It has the attributes of a coroutine because Trio inspects the frames of awaited objects.
    """

    watch: Watch
    inner: Any
    """A coroutine, or an awaitable returned by a method of an async generator."""
    generator: Any = None
    """That async generator, or None."""

    def __await__(self) -> Generator[Any, Any, Any]:
        return self

    def send(self, value: Any) -> Any:
        try:
            self.watch.resumes(self, value)
        except GivenUpError:
            self._end()
            raise
        try:
            return self.inner.send(value)
        except StopIteration as stop:
            self.watch.ends(None, stop.value)
            raise
        except StopAsyncIteration:
            self.watch.ends(None)
            raise
        except BaseException as exc:
            self.watch.ends(exc)
            raise

    def _end(self) -> None:
        """End a body that has been given up, even if it handles the exception.

        Such a body would continue during garbage collection, where no await stops it, and hang
        the process. It must never be collected, not even when the interpreter exits.
        """
        try:
            self.inner.close()
        except RuntimeError:  # it ignored GeneratorExit
            for kept in (self.inner, self.generator):
                ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))

    def throw(self, *error: Any) -> Any:
        return self.inner.throw(*error)

    def close(self) -> None:
        self.inner.close()

    @property
    def cr_frame(self) -> FrameType | None:
        frame: FrameType | None
        frame = self.inner.cr_frame if self.generator is None else self.generator.ag_frame
        return frame

    @property
    def cr_await(self) -> Any:
        return self.inner.cr_await if self.generator is None else self.generator.ag_await

    def place(self) -> str:
        """Return the line that the body is at."""
        frame = self.cr_frame
        return "an unknown line" if frame is None else line_of(frame)


@attrs.define(eq=False)
class Pieces:
    """An async generator in which each piece is awaited with `Driven`."""

    watch: Watch
    generator: AsyncGenerator[Any, None]

    def __aiter__(self) -> Pieces:
        return self

    def __anext__(self) -> Awaitable[Any]:
        return Driven(self.watch, self.generator.__anext__(), self.generator)

    async def aclose(self) -> None:
        began = trio.current_time()
        try:
            await Driven(self.watch, self.generator.aclose(), self.generator)
        finally:
            self.watch.closing = trio.current_time() - began
