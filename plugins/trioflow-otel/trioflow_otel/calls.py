"""The spans of one call: of a step, a nested workflow, an item or a tool."""

from __future__ import annotations

import attrs
from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode, set_span_in_context

from trioflow_otel import attributes as a

MANY = 1000
"""How many errors of what is inside of it a span remembers at most."""


@attrs.define(eq=False)
class OpenSpan:
    """A span that has begun, with the context in which what is inside of it begins."""

    span: Span
    context: Context
    heard: dict[int, BaseException] = attrs.field(factory=dict)
    """Errors that spans inside of it have told, by identity."""

    @classmethod
    def of(cls, span: Span, around: Context) -> OpenSpan:
        """Return *span*, which has begun in the context *around*."""
        return cls(span, set_span_in_context(span, around))

    def note(self, name: str, at: float, found: a.Attributes | None = None) -> None:
        """Add an event to the span."""
        self.span.add_event(f"trioflow.{name}", found, a.nanoseconds(at))

    def fail(self, error: BaseException | None, at: float, *, tell: bool) -> None:
        """Say that it has failed; *tell* also adds the exception with its stack."""
        self.span.set_status(
            Status(StatusCode.ERROR, f"{a.error_type(error)}: {a.error_message(error)}")
        )
        self.span.set_attribute(a.ERROR_TYPE, a.error_type(error))
        if tell and error is not None:
            self.span.add_event("exception", a.exception_attributes(error), a.nanoseconds(at))

    def hear(self, error: BaseException | None) -> bool:
        """Remember an error that comes from inside, and tell whether it is new here.

        A group of errors is not new if none of them is.
        """
        if error is None:
            return False
        inner = error.exceptions if isinstance(error, BaseExceptionGroup) else (error,)
        is_new = id(error) not in self.heard and any(id(e) not in self.heard for e in inner)
        if len(self.heard) >= MANY:  # most were caught, or they would have ended the call
            self.heard.clear()
        self.heard[id(error)] = error
        return is_new

    def end(self, at: float) -> None:
        """End the span."""
        self.span.end(a.nanoseconds(at))


@attrs.define(eq=False)
class OpenCall(OpenSpan):
    """A step call, or an item of a foreach, that has begun."""

    attempt: OpenSpan | None = None
    """The attempt that is being made."""
    attempts: int = 0
    """Which one it is, or was."""

    @property
    def inside(self) -> OpenSpan:
        """What the tools and calls inside of it are children of."""
        return self.attempt or self

    def end_attempt(self, status: str, error: BaseException | None, at: float, tell: bool) -> None:
        """End the attempt that is being made, if there is one."""
        if self.attempt is not None:
            self.attempt.span.set_attribute(a.STEP_STATUS, status)
            if status == "failed":
                self.attempt.fail(error, at, tell=tell)
            self.attempt.end(at)
            self.attempt = None


@attrs.define(eq=False)
class OpenTool(OpenSpan):
    """A tool call that has begun."""

    caller: OpenCall = attrs.field(kw_only=True)
    """The step call that it is made in."""
    pieces: int | None = None
    """How many pieces it has yielded; None if it is no streaming one."""
