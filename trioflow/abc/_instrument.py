"""Watching runs: the contract of instruments, and what they are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Self

import attrs

from trioflow.events import Event, StepKind
from trioflow.tracing import TracingContext


@attrs.frozen(kw_only=True)
class PartInfo:
    """A part of a run that is about to begin: from its start, or from where it goes on."""

    is_start: bool
    """Whether the run starts; otherwise it goes on."""
    run_id: str
    workflow_id: str
    resource_id: str | None
    tracing_context: TracingContext
    """Where the caller says that the run stands in its trace; empty if it goes on from a store."""
    metadata: Mapping[str, Any]
    """The ``metadata`` of the tracing options."""
    trace_id: str | None
    """The trace that the run belongs to. None if that is open: nobody has said so yet."""
    previous_span_id: str | None
    """What was given as the id of the span of the part before; None at the start."""


@attrs.frozen
class TraceIds:
    """What an instrument calls a part of a run."""

    trace_id: str
    """32 hexadecimal digits. Counts at the start, for a run stays in its trace."""
    span_id: str | None = None
    """16 hexadecimal digits; given back when the run goes on, perhaps in another process."""


@attrs.frozen(kw_only=True)
class BodyInfo:
    """A body that is about to run: an attempt of a step call, or a tool call inside of one."""

    run_id: str
    workflow_id: str
    """Id of the innermost workflow that the step is in."""
    step_id: str
    """Id of the step; inside nested workflows ``"outer.inner"``."""
    step_call_id: str
    address: str
    """Place of the step call in the run, see `trioflow.events`; of an item of a foreach, too."""
    kind: StepKind
    """What is called: ``"step"``, ``"tool"``, ``"workflow"`` or ``"map"``; for a tool call, what
    the step is that calls."""
    attempt: int
    """Which attempt of the step call, counted from 1."""
    at: float
    """When it begins: seconds since the epoch, on the run's clock, as in events."""
    function: Callable[..., Any] | None
    """What the author of the step or tool wrote; None for a nested workflow."""
    tool_call_id: str | None = None
    """Of a tool call; None for an attempt of a step call."""
    tool: str | None = None
    """The id of the tool that is called."""
    tracing_context: TracingContext
    """Where the body stands in the caller's trace, as it would be without this instrument."""


class Instrument:
    """Watches runs: for traces, metrics and logs. Override what you need.

    What an instrument does not override costs nothing. One that raises is logged and left
    out for the rest of the run. An engine uses it as ``async with instrument``.
    """

    async def __aenter__(self) -> Self:
        """Begin to watch: called while the engine opens, before any run."""
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Bring it to an end: called when the last run of the engine has ended."""

    def on_event(self, event: Event) -> None:
        """Called for each event of each run, right after it was folded into the state.

        Synchronous and on the hot path, so be quick and do not block.
        """

    def on_begin(self, part: PartInfo) -> TraceIds | None:
        """Called right before a part of a run begins; may say how traces call it.

        Called in the task of whoever starts or resumes the run, with its context variables.
        No event of the part has happened, and `Start`, `Resume` or `Recover` will be the
        first. If several instruments return ids, the first ones count.
        """
        return None

    def on_gap(self, event: Event) -> None:
        """Called for each event that an observer with ``on_full="gap"`` is too slow for."""

    def on_blocked(self, run_id: str, seconds: float) -> None:
        """Called when a task of a run has waited for readers, of this run, to read on.

        Args:
          seconds: How long it has waited, on Trio's clock.
        """

    def around_body(self, body: BodyInfo) -> AbstractContextManager[Any] | None:
        """Return what should stand around a body while it runs, or None.

        Called for each attempt of a step, of a tool that is a node, of a mapping and of a
        nested workflow, also if they are items of a foreach, and for each tool call. It is
        entered and left in the task that runs the body, which waits in it; threads that the
        body starts have its context variables. Those that are set in it are seen by the
        body, and must be reset on leaving. Around a streaming tool it has a context of its
        own, so that nothing is seen by the one who takes the pieces.

        What it yields is ``ctx.tracing_context.current_span`` inside, unless it is None; a
        `TracingContext` is taken as it is.

        It is left with the exception that leaves the body, and cannot hold it back. A body
        that suspends or bails, or is canceled, leaves with an exception as well; the events
        say what came of it.
        """
        return None
