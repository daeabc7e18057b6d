"""The bench on which a runner is tested: helpers for the checks, and their error."""

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
    """Raised when a runner breaks the contract of runners."""

    promise: str
    """What the runner should do."""
    problem: str
    """What the runner does instead."""

    def __str__(self) -> str:
        return f"{self.promise}: {self.problem}"


@attrs.frozen
class Promise:
    """One promise of the contract, and its check."""

    text: str
    check: Callable[[Bench], Awaitable[None]]
    """Raises AssertionError if the promise does not hold."""


@attrs.define(eq=False)
class Line:
    """A connection that a body holds while it runs."""

    _socket: trio.socket.SocketType

    async def end(self) -> None:
        """Signal the body to end."""
        with suppress(OSError):  # it has already ended
            await self._socket.send(b".")

    @property
    def is_held(self) -> bool:
        """Whether the body is still running."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._socket.fileno(), selectors.EVENT_READ)
            return not selector.select(0)  # bodies never write, so readable means closed


@attrs.define(eq=False)
class Bench:
    """The runner under test, and the context of the step that tests it."""

    ctx: StepContext[Any]
    seen: list[Event]
    """The events of the run so far."""
    carries_context: bool
    places: int
    kinds: tuple[Kind, ...] = ()
    """The kinds of functions that the runner accepts."""
    free_kinds: tuple[Kind, ...] = ()
    """The accepted kinds that do not block the event loop while they run."""
    processes: set[int] = attrs.field(factory=set)
    """Ids of the processes in which bodies were seen."""
    _runner: Runner = attrs.field(init=False)
    _plain_listener: socket.socket = attrs.field(init=False)
    _listener: trio.socket.SocketType = attrs.field(init=False)

    @contextmanager
    def opened(self, runner: Runner, kinds: tuple[Kind, ...]) -> Generator[None, None, None]:
        """Use an open runner with functions of these kinds inside the block."""
        self._runner, self.kinds = runner, kinds
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._plain_listener = listener
            self._listener = trio.socket.from_stdlib_socket(listener)
            yield

    async def run(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Run a body with the runner."""
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
        """The address that bodies connect to."""
        host, port = self._listener.getsockname()
        return host, port

    @asynccontextmanager
    async def line(self) -> AsyncGenerator[Line, None]:
        """Wait for the next body to connect. It ends at the latest when the block exits."""
        accepted, _ = await self._listener.accept()
        with accepted:
            yield Line(accepted)

    def hang_up(self) -> None:
        """Close the connections of bodies that have connected without being awaited."""
        with suppress(BlockingIOError):
            while True:
                self._plain_listener.accept()[0].close()

    @property
    def chunks(self) -> list[Any]:
        """The chunks that bodies have written so far, as seen by a reader."""
        return [event.chunk for event in self.seen if isinstance(event, StepOutput)]


def expect(found: Any, wanted: Any, what: str) -> None:
    """Check that *found* equals *wanted*."""
    if found != wanted:
        raise AssertionError(f"{what}: expected {wanted!r}, got {found!r}")
