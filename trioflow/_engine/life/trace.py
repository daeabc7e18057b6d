"""Which trace a run belongs to, and what its parts are called there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import attrs

from trioflow._engine.running.instruments import tell_begin
from trioflow._engine.stream.log import RunLog
from trioflow.abc import PartInfo, TraceIds
from trioflow.tracing import TracingContext


@attrs.define(eq=False)
class RunTrace:
    """The trace of one run: its caller's, what an instrument says, or one of its own."""

    log: RunLog
    workflow_id: str
    id: str = attrs.field(factory=lambda: os.urandom(16).hex())  # as W3C Trace Context has it
    span_id: str | None = None
    """What an instrument calls the span of the first part of the run."""
    metadata: Mapping[str, Any] | None = None
    """What the caller wants recorded about the run, if anything."""

    def begin(self, context: TracingContext, resource_id: str | None) -> None:
        """Find out which trace the run belongs to."""
        trace_id = context.trace_id
        ids = self._ask(context, resource_id, trace_id, None)
        if ids is not None:
            self.span_id = ids.span_id
        self.id = trace_id or (self.id if ids is None else ids.trace_id)

    def go_on(self, context: TracingContext, resource_id: str | None) -> str | None:
        """Return what an instrument calls the span of the part that is about to begin."""
        ids = self._ask(context, resource_id, self.id, self.log.record.span_id)
        return None if ids is None else ids.span_id

    def _ask(
        self,
        context: TracingContext,
        resource_id: str | None,
        trace_id: str | None,
        previous_span_id: str | None,
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
        )
        return tell_begin(self.log, part)
