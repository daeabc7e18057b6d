"""How a run starts with the arguments of its caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import trio

from trioflow import events as ev
from trioflow._durations import Duration, finite_seconds
from trioflow._engine.base.in_trio import check_in_trio
from trioflow._engine.life.life import Life
from trioflow._engine.running.shared_context import SharedContext
from trioflow._phases import Phase
from trioflow.errors import RunAlreadyStartedError
from trioflow.tracing import NO_TRACING, TracingContext, TracingOptions
from trioflow.wire._shown import shown


def begin(
    life: Life,
    input_data: Any,
    runtime_context: Mapping[str, Any] | None,
    tracing_context: TracingContext | None,
    tracing_options: TracingOptions | None,
    initial_state: Any,
    per_step: bool = False,
    by: str | None = None,
    is_certain: bool = True,
    timeout: Duration | None = None,
) -> None:
    """Take the caller's arguments for the run, once, and check all of them.

    Args:
      is_certain: Whether the run will start. If not, `begin_trace` gives it its trace when that is
        known: instruments do not see runs that do not start.

    Raises:
      RunAlreadyStartedError: if the run was started before.
      NotInTrioError: if Trio is not running here; the run can begin again then.
      InvalidValueError: if input or state do not fit; the run can begin again then.
      TypeError: if the runtime context or the metadata is not a mapping; likewise.
      NotSerializableError: if the run is durable and one of them cannot be written; likewise.
    """
    if life.phase is not Phase.PENDING:
        problem = "it was started before; create a run for each start"
        raise RunAlreadyStartedError(life.run_id, life.record.status, problem)
    check_in_trio("a run was started")
    structure = life.plan.structure_input
    value = input_data if structure is None else structure(input_data)
    state = life.plan.initial_state(initial_state)
    core, trace = life.core, life.trace
    context = SharedContext(runtime_context) if runtime_context else None
    metadata = {} if tracing_options is None else tracing_options.metadata
    if tracing_options is not None and not isinstance(metadata, Mapping):
        raise TypeError(f"metadata must be a mapping, not {shown(metadata)}")
    if life.keeper is not None and life.journaled is not None:
        life.journaled.check(
            ev.Start,
            workflow_id=life.plan.id,
            input=value,
            state=state,
            runtime_context=dict(context or ()),
            metadata=metadata,
        )
    life.input, life.value, life.initial_state = value, value, state
    life.by = by
    if timeout is not None:
        life.timeout = _finite(timeout)
    elif life.plan.timeout is not None:
        life.timeout = life.plan.timeout
    if context is not None:
        core.context = context
    core.tracing_context = tracing_context or NO_TRACING
    core.per_step = per_step
    if tracing_options is not None:
        trace.metadata = tracing_options.metadata
        core.see_metadata(tracing_options.metadata)
    if is_certain:
        begin_trace(life)
    life.move("begin")


def _finite(timeout: Duration) -> float:
    seconds = finite_seconds(timeout, above_zero=True)
    if seconds is None:
        raise ValueError(f"timeout must be seconds > 0 or a timedelta, not {timeout!r}")
    return seconds


def begin_trace(life: Life) -> None:
    """Determine the trace of the run, and notify instruments that it starts."""
    life.trace.begin(life.core.tracing_context, life.resource_id)


@trio.lowlevel.enable_ki_protection
def emit_start(life: Life) -> None:
    """Emit the first event of the run."""
    life.core.log.start_clock()
    life.happen(ev.Start, _start_fields(life))
    after_start(life)


def first_event(life: Life) -> ev.Start:
    """Return the first event of the run, see `after_start`."""
    log = life.core.log
    log.start_clock()
    return ev.Start(run_id=life.run_id, seq=0, at=log.tick(), **_start_fields(life))


def _start_fields(life: Life) -> dict[str, Any]:
    core, trace = life.core, life.trace
    return {
        "workflow_id": life.plan.id,
        "input": life.input,
        "state": life.initial_state,
        "runtime_context": {} if core.context is None else dict(core.context),
        "trace_id": trace.id,
        "metadata": trace.metadata or {},
        "resource_id": life.resource_id,
        "span_id": trace.span_id,
        "traceparent": trace.context.traceparent,
        "tracestate": trace.context.tracestate,
        "baggage": trace.context.baggage,
        "by": life.by,
        "deadline": None if life.timeout is None else life.core.log.now() + life.timeout,
    }


def after_start(life: Life) -> None:
    """Continue from the first event, with the events that were sent to the run before."""
    core = life.core
    if core.has_mail:
        for early in core.mailbox.take_early():
            fields = attrs.asdict(early, recurse=False)
            core.mailbox.put(core.log.emit(ev.EventReceived, **fields))
