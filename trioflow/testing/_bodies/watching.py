"""Wraps a body to observe how the engine and the body interact."""

from __future__ import annotations

import contextvars
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import attrs
import trio

from trioflow._signature import FunctionKind
from trioflow.context import StepContext
from trioflow.testing._bodies.driving import Driven, GivenUpError, Pieces

PATIENCE = 100
"""How often Cancelled is raised in a body before it is given up."""
METHODS = frozenset(
    {
        "set_state",
        "set_private_state",
        "write",
        "call_tool",
        "stream_tool",
        "wait_for",
        "ask",
        "start_run",
        "suspend",
        "bail",
        "cancel_run",
    }
)
"""Methods of a context that must not be called after its body has ended."""
LEFT_ALONE = frozenset({"decimal_context"})
"""Context variables that Python itself sets on first use."""


@attrs.define(eq=False)
class Watch:
    """What has been observed of one body."""

    is_meant: Callable[[], bool] = lambda: False
    """Called each time the body continues: whether a Cancelled in it comes from the run."""
    is_running: bool = False
    gives_up: bool = False
    """Whether to end the body the next time it continues."""
    cancellations: int = 0
    """How often Cancelled was raised in it."""
    told_in: str = ""
    """The line at which Cancelled was first raised."""
    place: str = ""
    """The line at which it was given up."""
    closing: float = 0.0
    """Seconds that it took to close, if it is a streaming tool."""
    has_answered: bool = False
    """Whether it has reacted to the cancellation; only its first reaction counts."""
    answer: str | None = None
    """Its wrong reaction to the cancellation, if any."""
    late: list[str] = attrs.field(factory=list)
    """The methods of its context that it called after it had ended."""
    left_set: set[str] = attrs.field(factory=set)
    """The context variables that it left changed."""
    open_at_yield: str | None = None
    """What was open around a piece that it yielded."""

    def body(self, fn: Callable[..., Any], kind: FunctionKind) -> Callable[..., Any]:
        """Return a watched version of *fn*."""
        return {"async": self._async, "blocking": self._blocking}.get(kind, self._pieces)(fn)

    def _async(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        async def body(*args: Any, **kwargs: Any) -> Any:
            before = contextvars.copy_context()
            self.is_running = True
            try:
                return await Driven(self, fn(*self._seen(args), **self._named(kwargs)))
            finally:
                self.is_running = False
                self._compare(before)

        return body

    def _blocking(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        def body(*args: Any, **kwargs: Any) -> Any:
            self.is_running = True
            try:
                return fn(*self._seen(args), **self._named(kwargs))
            finally:
                self.is_running = False

        return body

    def _pieces(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        async def body(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
            before, around = contextvars.copy_context(), _what_is_open()
            self.is_running = True
            try:
                async with aclosing(Pieces(self, fn(*args, **self._named(kwargs)))) as pieces:
                    async for piece in pieces:
                        self._compare(before)
                        if _what_is_open() != around and self.open_at_yield is None:
                            self.open_at_yield = f"around {piece!r}, {_what_is_open(around)}"
                        yield piece
            finally:
                self.is_running = False

        return body

    # ------------------------------------------------------------ the context
    def _seen(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(map(self._watched_context, args))

    def _named(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        return {name: self._watched_context(value) for name, value in kwargs.items()}

    def _watched_context(self, value: Any) -> Any:
        if type(value) is not StepContext:
            return value
        return StepContext[Any](_Port(value._call, self))

    def _compare(self, before: contextvars.Context) -> None:
        missing = object()
        self.left_set |= {
            variable.name
            for variable, value in contextvars.copy_context().items()
            if before.get(variable, missing) is not value
        } - LEFT_ALONE

    # ------------------------------------------------------------ cancellation
    def resumes(self, driven: Driven, sent: object) -> None:
        """Handle that a body continues with the outcome that Trio sends."""
        if self.gives_up:
            self.place = driven.place()
            raise GivenUpError
        is_meant = self.is_meant()
        if is_meant and isinstance(getattr(sent, "error", None), trio.Cancelled):
            self.cancellations += 1
            self.told_in = self.told_in or driven.place()
            self.gives_up = self.cancellations >= PATIENCE

    def ends(self, error: BaseException | None, gave: object = None) -> None:
        """Handle the end of a body, or of an await for a piece."""
        if not self.cancellations or self.has_answered:
            return
        self.has_answered = True
        if not _holds_cancelled(error):
            self.answer = f"returned {gave!r}" if error is None else f"raised {error!r}"


@attrs.define(eq=False)
class _Port:
    """Wraps the call behind a context, and records uses after the body has ended."""

    call: Any
    watch: Watch

    def __getattr__(self, name: str) -> Any:
        if name in METHODS and not self.watch.is_running:
            self.watch.late.append(name)
        return getattr(self.call, name)


def _holds_cancelled(error: BaseException | None) -> bool:
    if isinstance(error, BaseExceptionGroup):
        return any(map(_holds_cancelled, error.exceptions))
    return isinstance(error, trio.Cancelled | GivenUpError | GeneratorExit)


def _what_is_open(before: tuple[int, float] | None = None) -> Any:
    """Return the number of open nurseries and the deadline; or what changed since *before*."""
    nurseries = len(trio.lowlevel.current_task().child_nurseries)
    now = nurseries, trio.current_effective_deadline()
    if before is None:
        return now
    return "a nursery is open" if nurseries > before[0] else "a deadline is set"
