"""The spans of a call of a step, nested workflow, item or tool."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode, set_span_in_context

from trioflow_otel import attributes as a
from trioflow_otel.errors import error_message, error_type, exception_attributes
from trioflow_otel.texts import Attributes
from trioflow_otel.writer import Writer

MANY = 1000
"""Maximum number of errors from inner spans that a span remembers."""


@attrs.define(eq=False)
class OpenSpan:
    """A started span, and the context for its children."""

    span: Span
    context: Context
    writer: Writer
    heard: dict[int, BaseException] = attrs.field(factory=dict, init=False)
    """Errors that inner spans reported, by identity."""

    @classmethod
    def of(cls, span: Span, around: Context, writer: Writer) -> OpenSpan:
        """Return an open span for *span*, which was started in the context *around*."""
        return cls(span, set_span_in_context(span, around), writer)

    def note(self, name: str, at: float, found: Attributes | None = None) -> None:
        """Add an event to the span."""
        self.span.add_event(f"trioflow.{name}", found, a.nanoseconds(at))

    def fail(self, error: BaseException | None, at: float, *, tell: bool) -> None:
        """Set the status to ERROR; *tell* also adds the exception, with its text and its stack.

        The text is written on one span only: it may be long, and a failure passes many.
        """
        texts, description = self.writer.texts, error_type(error)
        if tell and error is not None:
            description = texts.text(f"{description}: {error_message(error, texts)}")
            self.span.add_event("exception", exception_attributes(error, texts), a.nanoseconds(at))
        self.span.set_status(Status(StatusCode.ERROR, description))
        self.span.set_attribute(a.ERROR_TYPE, texts.text(error_type(error)))

    def hear(self, error: BaseException | None) -> bool:
        """Remember an error from inside, and return whether it is new here.

        A group of errors is new if any of its errors is new.
        """
        if error is None:
            return False
        inner = _members_of(error)
        is_new = id(error) not in self.heard and any(id(e) not in self.heard for e in inner)
        if len(self.heard) >= MANY:  # most were caught, otherwise the call would have ended
            self.heard.clear()
        self.heard[id(error)] = error
        return is_new

    def end(self, at: float) -> None:
        """End the span."""
        try:
            self.span.end(a.nanoseconds(at))
        except Exception as error:  # of a processor or exporter
            self.writer.losses.report("a span", error)


@attrs.define(eq=False)
class OpenCall(OpenSpan):
    """A started step call or item of a foreach."""

    attempt: OpenSpan | None = None
    """The current attempt."""
    attempts: int = 0
    """Number of the current or last attempt."""

    @property
    def inside(self) -> OpenSpan:
        """The parent of tools and calls inside of it."""
        return self.attempt or self

    def end_attempt(self, status: str, error: BaseException | None, at: float, tell: bool) -> None:
        """End the current attempt, if any."""
        attempt, self.attempt = self.attempt, None
        if attempt is None:
            return
        try:
            attempt.span.set_attribute(a.STEP_STATUS, status)
            if status == "failed":
                attempt.fail(error, at, tell=tell)
        finally:
            attempt.end(at)


def _members_of(error: BaseException) -> Sequence[BaseException]:
    if not isinstance(error, BaseExceptionGroup):
        return (error,)
    try:
        return tuple(error.exceptions)
    except Exception:  # from a class of the user
        return (error,)


@attrs.define(eq=False)
class OpenTool(OpenSpan):
    """A started tool call."""

    caller: OpenCall
    """The step call that makes it."""
    pieces: int | None = None
    """Number of yielded pieces; None if the tool is not a streaming tool."""


@attrs.frozen(eq=False)
class CalledTool:
    """A tool call whose span begins with its body, because only then is known what it is."""

    caller: OpenCall
    around: OpenSpan
    at: float
    name: str
    about: Attributes
    streams_at: float | None = None
    """When it became known that the tool is a streaming one."""
