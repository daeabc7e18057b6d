"""Where a runner is tried: what the checks need, and how they say what is wrong."""

from __future__ import annotations

import selectors
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import attrs
import trio

from trioflow.abc import Runner
from trioflow.context import StepContext
from trioflow.events import Event, StepOutput
from trioflow.testing._runners import bodies
from trioflow.testing._runners.bodies import Kind


@attrs.define(eq=False)
class RunnerContractError(AssertionError):
    """Raised when a runner does not do what runners promise."""

    promise: str
    """What it should do."""
    problem: str
    """What it does."""

    def __str__(self) -> str:
        return f"{self.promise}: {self.problem}"


@attrs.frozen
class Promise:
    """Something that runners promise."""

    text: str
    check: Callable[[Bench], Awaitable[None]]
    """Raises AssertionError if it does not hold."""


@attrs.define(eq=False)
class Line:
    """A connection that a body holds as long as it runs."""

    _socket: trio.socket.SocketType

    async def end(self) -> None:
        """Tell the body to end."""
        with suppress(OSError):  # it has ended already
            await self._socket.send(b".")

    @property
    def is_held(self) -> bool:
        """Whether the body goes on."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket.fileno(), selectors.EVENT_READ)
            return not selector.select(0)  # bodies never write, so there is nothing but the end


@attrs.define(eq=False)
class Bench:
    """A runner that is tried, and the context of the step that it is tried in."""

    ctx: StepContext[Any]
    seen: list[Event]
    """The events of the run so far."""
    carries_context: bool
    places: int
    kinds: tuple[Kind, ...] = ()
    """The kinds of functions that the runner takes."""
    free_kinds: tuple[Kind, ...] = ()
    """Those of them that do not block the event loop while they run."""
    processes: set[int] = attrs.field(factory=set)
    """Ids of the processes in which bodies were seen."""
    _runner: Runner = attrs.field(init=False)
    _plain_listener: socket.socket = attrs.field(init=False)
    _listener: trio.socket.SocketType = attrs.field(init=False)

    @contextmanager
    def opened(self, runner: Runner, kinds: tuple[Kind, ...]) -> Generator[None, None, None]:
        """Try a runner, which is open, with functions of these kinds."""
        self._runner, self.kinds = runner, kinds
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._plain_listener = listener
            self._listener = trio.socket.from_stdlib_socket(listener)
            yield

    async def run(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Have the runner run a body."""
        return await self._runner.run(self.ctx, fn, *args, **kwargs)

    async def look_around(self) -> None:
        """Find out where bodies run."""
        here = bodies.place()
        for kind in self.kinds:
            found = await self.run(kind.place)
            self.processes.add(found[0])
            if kind.is_async or found != here:
                self.free_kinds += (kind,)

    @property
    def address(self) -> bodies.Address:
        """Where bodies connect to."""
        host, port = self._listener.getsockname()
        return host, port

    @asynccontextmanager
    async def line(self) -> AsyncGenerator[Line, None]:
        """Wait for the next body that connects. It ends at the latest when the block is left."""
        accepted, _ = await self._listener.accept()
        with accepted:
            yield Line(accepted)

    def hang_up(self) -> None:
        """Forget bodies that have connected and that nobody has waited for."""
        with suppress(BlockingIOError):
            while True:
                self._plain_listener.accept()[0].close()

    @property
    def chunks(self) -> list[Any]:
        """What bodies have written so far, as a reader sees it."""
        return [event.chunk for event in self.seen if isinstance(event, StepOutput)]


def expect(found: Any, wanted: Any, what: str) -> None:
    """Check that what was found is what should be."""
    if found != wanted:
        raise AssertionError(f"{what}: {found!r} instead of {wanted!r}")
