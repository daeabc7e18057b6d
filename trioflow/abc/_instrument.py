"""The contract of instruments, which observe runs, and the values passed to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal, Self, TypeAlias

import attrs

from trioflow.abc._schedules import TickRecord
from trioflow.abc._work import StoredQueue
from trioflow.events import Event, StepKind
from trioflow.tracing import NO_TRACING, TracingContext

SpanKind: TypeAlias = Literal["internal", "client", "server", "producer", "consumer"]
"""The kinds of spans of OpenTelemetry."""


@attrs.frozen(kw_only=True)
class PartInfo:
    """A segment of a run that is about to begin: the run starts or continues."""

    is_start: bool
    """Whether the run starts; otherwise it continues."""
    run_id: str
    workflow_id: str
    resource_id: str | None
    tracing_context: TracingContext
    """The run's position in the caller's trace. If the run continues from a store, this is what
    is recorded of it: headers."""
    metadata: Mapping[str, Any]
    """The ``metadata`` of the tracing options."""
    trace_id: str | None
    """The trace that the run belongs to; None if it has not been chosen yet."""
    previous_span_id: str | None
    """The span id assigned to the previous segment; None at the start."""
    first_context: TracingContext = NO_TRACING
    """The headers recorded for the first segment, see `TraceIds.context`; empty at the start.
    They hold the sampling decision and the baggage of the run."""
    workflow_metadata: Mapping[str, Any] = attrs.field(factory=dict)
    """The ``metadata`` of the workflow."""
    span: SpanInfo | None = None
    """What the segment's span is, if an instrument knows; see `Instrument.describe_part`."""


@attrs.frozen
class TraceIds:
    """Trace ids that an instrument assigns to a segment of a run."""

    trace_id: str
    """32 hexadecimal digits. Used only at the start, because a run stays in its trace."""
    span_id: str | None = None
    """16 hexadecimal digits; passed to the next segment, possibly in another process."""
    context: TracingContext | None = None
    """The headers to record with the run, and to pass to later segments. Used only at the start;
    default: those of the caller."""


@attrs.frozen
class SpanInfo:
    """What the span of a body is, if it is more than a step: a model call or an HTTP request.

    Names, kinds and attributes are those of OpenTelemetry's semantic conventions.
    """

    name: str
    """Name of the span, such as ``"chat gpt-4o"`` or ``"GET /users/{id}"``."""
    kind: SpanKind = "internal"
    """``"client"`` for a request to another service, ``"server"`` for the handling of one."""
    attributes: Mapping[str, Any] = attrs.field(factory=dict)
    """Attributes known before the body runs, such as ``gen_ai.request.model``."""


@attrs.frozen(kw_only=True)
class BodyInfo:
    """A body that is about to run: an attempt of a step call, or a tool call inside one."""

    run_id: str
    workflow_id: str
    """Id of the innermost workflow that contains the step."""
    step_id: str
    """Id of the step; ``"outer.inner"`` inside nested workflows."""
    step_call_id: str
    address: str
    """Address of the step call or foreach item in the run; see `trioflow.addresses`."""
    kind: StepKind
    """Kind of the step: ``"step"``, ``"tool"``, ``"workflow"`` or ``"map"``; for a tool call, kind
    of the calling step."""
    attempt: int
    """Number of the attempt within the step call, counted from 1."""
    at: float
    """When the body begins: seconds since the epoch, on the run's clock, as in events."""
    function: Callable[..., Any] | None
    """The function of the step or tool as its author wrote it; None for a nested workflow."""
    tool_call_id: str | None = None
    """Id of the tool call; None for an attempt of a step call."""
    tool: str | None = None
    """Id of the called tool; None for an attempt of a step call."""
    metadata: Mapping[str, Any] = attrs.field(factory=dict)
    """The ``metadata`` of the step, tool or nested workflow."""
    span: SpanInfo | None = None
    """What the body's span is, if an instrument knows; see `Instrument.describe_body`."""
    tracing_context: TracingContext
    """The body's position in the caller's trace, as it would be without this instrument."""


@attrs.frozen(kw_only=True)
class WorkReport:
    """What a worker has done since its last report; see `Engine.work`."""

    taken: int
    """How many runs it has taken."""
    lost: int
    """How many claims the engine has lost: it could not renew them, or another one has them."""
    queues: Sequence[StoredQueue] | None = None
    """The queues in which runs wait for a worker, looked up now; None if they were not."""


class Instrument:
    """Observes runs for traces, metrics and logs. Override the methods you need.

    Methods that are not overridden cost nothing. An instrument that raises is logged and ignored
    for the rest of the run. An engine uses it as ``async with instrument``.
    """

    async def __aenter__(self) -> Self:
        """Start observing. Called while the engine opens, before any run."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Stop observing. Called after the last run of the engine has ended."""

    def on_event(self, event: Event) -> None:
        """Handle an event of any run, right after it was folded into the record.

        Synchronous and on the hot path, so be quick and do not block.
        """

    def on_begin(self, part: PartInfo) -> TraceIds | None:
        """Return trace ids for a segment of a run that is about to begin, or None.

        Called in the task that starts or resumes the run, with its context variables. The
        segment has no events yet; its first one will be `Start`, `Resume` or `Recover`. If
        several instruments return ids, the first ones count.
        """
        return None

    def on_gap(self, event: Event) -> None:
        """Handle an event that was dropped because an ``on_full="gap"`` observer is too slow."""

    def on_blocked(self, run_id: str, seconds: float) -> None:
        """Handle the end of a wait in which a task of a run was blocked by the run's readers.

        Args:
          seconds: Duration of the wait, on Trio's clock.
        """

    def on_halt(self, run_id: str) -> None:
        """Handle that a run is halted: it can be recovered from here, in this process or another.

        Called before the events that end its steps in this process. These events, the last of
        which is `Finish` with the status ``"canceled"``, are not part of the recorded run.
        """

    def on_tick(self, record: TickRecord) -> None:
        """Handle what became of a tick of a schedule, in the engine that decided it.

        Called for each decision but ``"decided"``, which ``"started"`` follows.
        """

    def on_work(self, report: WorkReport) -> None:
        """Handle what a worker has done, if it has done anything or looked up the queues.

        It looks them up every 15 seconds if an instrument overrides this method.
        """

    def describe_body(self, body: BodyInfo) -> SpanInfo | None:
        """Return what the span of a body is, or None if this instrument does not know.

        For instruments of plugins that know the meaning of a body better than those that write
        spans: that a step calls a language model, or answers an HTTP request. The first instrument
        that knows counts, and the others find its answer in ``BodyInfo.span``. Called for each
        instrument that surrounds the body, so it must be quick and always answer the same. What is
        known only later, such as the number of tokens, the body sets on
        ``ctx.tracing_context.current_span``.
        """
        return None

    def describe_part(self, part: PartInfo) -> SpanInfo | None:
        """Return what the span of a segment of a run is, or None if this instrument does not know.

        Called before `on_begin`, as `describe_body` is before `around_body`.
        """
        return None

    def around_body(self, body: BodyInfo) -> AbstractContextManager[Any] | None:
        """Return a context manager to enter around a body, or None.

        Called for each attempt of a step, a tool node, a mapping or a nested workflow (each
        item of a foreach included), and for each tool call. The context manager is entered and
        exited in the task that runs the body. The body, and threads that it starts, see the
        context variables set on entering; reset them on exit. Around a streaming tool it has
        its own context, so that the consumer of the pieces does not see them.

        The yielded value becomes ``ctx.tracing_context.current_span`` inside the body, unless
        it is None; a yielded `TracingContext` replaces the whole context.

        It exits with the exception that the body raises, and cannot suppress it. A body that
        suspends, bails or is canceled also exits with an exception; the events report the
        outcome.
        """
        return None
