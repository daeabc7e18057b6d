"""The trace of a run, and the spans of its parts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import attrs

from trioflow._engine.running.instruments import notify_begin
from trioflow._engine.stream.log import RunLog
from trioflow.abc import PartInfo, TraceIds
from trioflow.tracing import NO_TRACING, TracingContext


@attrs.define(eq=False)
class RunTrace:
    """The trace of one run: from its caller, from an instrument, or its own."""

    log: RunLog
    workflow_id: str
    workflow_metadata: Mapping[str, Any]
    id: str = attrs.field(factory=lambda: os.urandom(16).hex())  # the format of W3C Trace Context
    span_id: str | None = None
    """The id that an instrument gave the span of the first part of the run."""
    metadata: Mapping[str, Any] | None = None
    """What the caller wants recorded about the run, if anything."""
    context: TracingContext = NO_TRACING
    """The headers that continue the trace, as recorded at the start of the run."""

    def begin(self, context: TracingContext, resource_id: str | None) -> None:
        """Determine the trace of the run."""
        trace_id = context.trace_id
        ids = self._ask(context, resource_id, trace_id, None)
        if ids is not None:
            self.span_id = ids.span_id
        self.context = ids.context if ids is not None and ids.context is not None else context
        self.id = trace_id or (self.id if ids is None else ids.trace_id)

    def leave(self, context: TracingContext) -> None:
        """Determine the trace of a run that another process begins: that of its caller, or its
        own. Instruments do not see it here."""
        self.context, self.id = context, context.trace_id or self.id

    def continue_part(self, context: TracingContext, resource_id: str | None) -> str | None:
        """Return the id that an instrument gives the span of the part about to begin."""
        span_id = self.log.record.span_id
        ids = self._ask(context, resource_id, self.id, span_id, self.context)
        return None if ids is None else ids.span_id

    def _ask(
        self,
        context: TracingContext,
        resource_id: str | None,
        trace_id: str | None,
        previous_span_id: str | None,
        first_context: TracingContext = NO_TRACING,
    ) -> TraceIds | None:
        if not self.log.instruments:
            return None
        part = PartInfo(
            is_start=self.log.record.status == "pending",
            run_id=self.log.run_id,
            workflow_id=self.workflow_id,
            resource_id=resource_id,
            tracing_context=context,
            metadata=self.metadata or {},
            trace_id=trace_id,
            previous_span_id=previous_span_id,
            first_context=first_context,
            workflow_metadata=self.workflow_metadata,
        )
        return notify_begin(self.log, part)
