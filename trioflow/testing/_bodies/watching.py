"""Stands between the engine and a body: what is done to the body, and what it does then."""

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
"""How often a body is told that it is canceled before it is given up."""
METHODS = frozenset(
    {
        "set_state",
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
"""What a context must not be used for when its body has ended."""
LEFT_ALONE = frozenset({"decimal_context"})
"""Context variables that Python itself sets when they are needed first."""


@attrs.define(eq=False)
class Watch:
    """What has been seen of one body."""

    is_meant: Callable[[], bool] = lambda: False
    """Asked each time the body goes on: whether a Cancelled that it gets is that of the run."""
    is_running: bool = False
    gives_up: bool = False
    """Whether to end the body the next time that it goes on."""
    told: int = 0
    """How often it was told that it is canceled."""
    told_in: str = ""
    """Where it was told so first."""
    place: str = ""
    """Where it was when it was given up."""
    closing: float = 0.0
    """How many seconds it took to close, if it yields pieces."""
    has_answered: bool = False
    """Whether it has done anything then; what counts is what it did first."""
    answer: str | None = None
    """What it did then, if not what it should."""
    late: list[str] = attrs.field(factory=list)
    """The methods of its context that it used when it had ended."""
    left_set: set[str] = attrs.field(factory=set)
    """The context variables that it left with another value."""
    open_at_yield: str | None = None
    """What was open around a piece that it yielded."""

    def body(self, fn: Callable[..., Any], kind: FunctionKind) -> Callable[..., Any]:
        """Return a function like *fn* that is watched."""
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
        """Take note that a body goes on with what Trio has for it."""
        if self.gives_up:
            self.place = driven.place()
            raise GivenUpError
        is_meant = self.is_meant()
        if is_meant and isinstance(getattr(sent, "error", None), trio.Cancelled):
            self.told += 1
            self.told_in = self.told_in or driven.place()
            self.gives_up = self.told >= PATIENCE

    def ends(self, error: BaseException | None, gave: object = None) -> None:
        """Take note that a body, or the making of a piece, ends."""
        if not self.told or self.has_answered:
            return
        self.has_answered = True
        if not _holds_cancelled(error):
            self.answer = f"gave {gave!r}" if error is None else f"raised {error!r}"


@attrs.define(eq=False)
class _Port:
    """What is behind a context, and notes when it is used too late."""

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
    """Return how many nurseries this task has open, and its deadline; or what is new of it."""
    nurseries = len(trio.lowlevel.current_task().child_nurseries)
    now = nurseries, trio.current_effective_deadline()
    if before is None:
        return now
    return "a nursery is open" if nurseries > before[0] else "a deadline is set"
