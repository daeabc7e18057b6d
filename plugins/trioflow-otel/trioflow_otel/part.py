"""The span tree of one part of a run, built from its events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import Span, Tracer, get_current_span

from trioflow import events as ev
from trioflow.abc import BodyInfo
from trioflow.addresses import Address
from trioflow_otel import attributes as a
from trioflow_otel.calls import OpenCall, OpenSpan, OpenTool


class Part:
    """The open spans of a part of a run."""

    def __init__(self, tracer: Tracer, root: Span, around: Context) -> None:
        self._tracer = tracer
        self._root = OpenSpan.of(root, around)
        self._calls: dict[str, OpenCall] = {}
        self._tools: dict[str, OpenTool] = {}
        self.is_over = False
        self.is_recording = root.is_recording()
        """Whether the trace is sampled; otherwise there is only the root span."""

    # ------------------------------------------------------------ bodies
    def begin_body(self, body: BodyInfo) -> Span:
        """Return the span of a starting body."""
        if not self.is_recording:
            return self._root.span
        if body.tool_call_id is not None:
            return self._tools[body.tool_call_id].span
        call = self._calls.get(body.address)
        if call is None:  # items have no start event
            call = self._open_item(body.step_id, body.step_call_id, body.address, body.at)
        call.attempts = body.attempt
        about = {a.STEP: body.step_id, a.ATTEMPT: body.attempt, **a.code_attributes(body.function)}
        call.attempt = self._begin(f"attempt {body.step_id}", call, body.at, about)
        return call.attempt.span

    # ------------------------------------------------------------ calls
    def on_step_start(self, event: ev.StepStart) -> None:
        about = a.present(
            {
                a.ITERATION: event.iteration,
                a.ROUND: event.round or None,
                a.PLUGIN: event.plugin,
            }
        )
        call = self._calls.get(event.address)
        if call is None:
            self._open_call(event, event.kind, about)
        else:  # the event that it waited for has arrived
            call.span.update_name(f"{event.kind} {event.id}")
            call.span.set_attributes({a.STEP_KIND: event.kind, **about})
            call.note("started", event.at)

    def on_waiting(self, event: ev.StepWaiting) -> None:
        call = self._calls.get(event.address)
        if call is None:
            call = self._open_call(event, "sleep" if event.event is None else "wait", {})
        call.note("waiting", event.at, _waiting_for(event))

    def on_event_taken(self, event: ev.EventTaken) -> None:
        self._calls[event.address].note("event_taken", event.at, {a.EVENT: a.clean(event.event)})

    def on_retry(self, event: ev.StepRetry) -> None:
        call = self._calls[event.address]
        about = {a.ATTEMPT: event.attempt, a.DELAY: event.delay}
        call.note("retry", event.at, {**about, a.ERROR_TYPE: a.error_type(event.error)})
        call.end_attempt("failed", event.error, event.at, tell=call.hear(event.error))
        call.heard.clear()  # the retry handles it

    def on_result(self, event: ev.StepResult) -> None:
        self._close(event.address, event.status, event.error, event.at)

    def on_suspended(self, event: ev.StepSuspended) -> None:
        self._close(event.address, "suspended", None, event.at, label=event.label)

    def on_progress(self, event: ev.StepProgress) -> None:
        address = str(Address.parse(event.address).with_item(event.index))
        if address not in self._calls:  # it failed before its body, or was canceled
            self._open_item(event.id, f"{event.run_id}:{address}", address, event.at)
        self._close(address, event.status, event.error, event.at, label=event.label)

    # ------------------------------------------------------------ tools
    def on_tool_call(self, event: ev.ToolCall) -> None:
        about = a.present(
            {
                a.OPERATION: a.EXECUTE_TOOL,
                a.TOOL: event.name,
                a.TOOL_CALL: a.clean(event.tool_call_id),
                a.STEP: event.id,
                a.PLUGIN: event.plugin,
            }
        )
        caller = self._calls[event.address]
        around = self._current() or caller.inside
        begun = self._begin(f"{a.EXECUTE_TOOL} {event.name}", around, event.at, about)
        self._tools[event.tool_call_id] = OpenTool(begun.span, begun.context, caller=caller)

    def _current(self) -> OpenSpan | None:
        """Return the current span of the body's code, if it belongs to this trace."""
        current = get_current_span()
        if current.get_span_context().trace_id == self._root.span.get_span_context().trace_id:
            return OpenSpan(current, otel_context.get_current())
        return None

    def on_streaming(self, event: ev.ToolCallStreamingStart) -> None:
        tool = self._tools[event.tool_call_id]
        tool.pieces = 0
        tool.note("streaming", event.at)

    def on_delta(self, event: ev.ToolCallDelta) -> None:
        tool = self._tools[event.tool_call_id]
        tool.pieces = (tool.pieces or 0) + 1

    def on_tool_result(self, event: ev.ToolResult) -> None:
        self._close_tool(event, "success", None)

    def on_tool_error(self, event: ev.ToolError) -> None:
        self._close_tool(event, event.status, event.error)

    def _close_tool(self, event: ev.ToolEvent, status: str, error: BaseException | None) -> None:
        tool = self._tools.pop(event.tool_call_id)
        tool.span.set_attribute(a.TOOL_STATUS, status)
        if tool.pieces is not None:
            tool.span.set_attribute(a.TOOL_PIECES, tool.pieces)
        if status == "failed":
            tool.fail(error, event.at, tell=tool.caller.hear(error))
        elif status == "canceled":
            tool.note("canceled", event.at)
        tool.end(event.at)

    # ------------------------------------------------------------ the run
    def on_canceled(self, event: ev.Canceled) -> None:
        reason = None if event.reason is None else a.clean(event.reason)
        self._root.note("canceled", event.at, a.present({a.REASON: reason}))

    def on_pause(self, event: ev.Suspended | ev.Paused) -> None:
        self._root.note(event.type, event.at)
        self._end(event.type, None, event.at)

    def on_finish(self, event: ev.Finish) -> None:
        self._end(event.status, event.error, event.at)

    def _end(self, status: str, error: BaseException | None, at: float) -> None:
        self._root.span.set_attribute(a.RUN_STATUS, status)
        if status == "failed":
            self._root.fail(error, at, tell=self._root.hear(error))
        self._root.end(at)
        self.is_over = True

    # ------------------------------------------------------------ inside
    def _begin(self, name: str, around: OpenSpan, at: float, about: a.Attributes) -> OpenSpan:
        span = self._tracer.start_span(
            name, around.context, attributes=about, start_time=a.nanoseconds(at)
        )
        return OpenSpan.of(span, around.context)

    def _open_call(self, event: ev.StepEvent, kind: str, about: a.Attributes) -> OpenCall:
        about |= {a.STEP: event.id, a.STEP_KIND: kind, a.STEP_CALL: a.clean(event.step_call_id)}
        return self._open(event.address, f"{kind} {event.id}", event.at, about)

    def _open_item(self, id: str, call_id: str, address: str, at: float) -> OpenCall:
        index = Address.parse(address).item
        about = a.present({a.STEP: id, a.STEP_KIND: "item", a.ITEM: index})
        about[a.STEP_CALL] = a.clean(call_id)
        return self._open(address, f"item {id}", at, about)

    def _open(self, address: str, name: str, at: float, about: a.Attributes) -> OpenCall:
        around = self._around(address)
        inside = around.inside if isinstance(around, OpenCall) else around
        begun = self._begin(name, inside, at, about)
        call = self._calls[address] = OpenCall(begun.span, begun.context)
        return call

    def _around(self, address: str) -> OpenSpan:
        """Return the span of the call or item that directly contains *address*."""
        parent = Address.parse(address).parent
        return self._root if parent is None else self._calls.get(str(parent), self._root)

    def _close(
        self,
        address: str,
        status: str,
        error: BaseException | None,
        at: float,
        label: str | None = None,
    ) -> None:
        call = self._calls.pop(address)
        call.span.set_attribute(a.STEP_STATUS, status)
        if call.attempts:
            call.span.set_attribute(a.ATTEMPTS, call.attempts)
        tell = status == "failed" and call.hear(error)
        if status == "failed":
            call.fail(error, at, tell=tell and call.attempt is None)
            self._around(address).hear(error)
        elif status in ("canceled", "suspended"):
            text = None if label is None else a.clean(label)
            call.note(status, at, a.present({a.LABEL: text}))
        call.end_attempt(status, error, at, tell=tell)
        call.end(at)


def _waiting_for(event: ev.StepWaiting) -> a.Attributes:
    name = None if event.event is None else a.clean(event.event)
    return a.present({a.EVENT: name, a.UNTIL: event.until})


ENDS: dict[type[ev.Event], Callable[[Part, Any], None]] = {
    ev.Suspended: Part.on_pause,
    ev.Paused: Part.on_pause,
    ev.Finish: Part.on_finish,
}
HANDLERS: dict[type[ev.Event], Callable[[Part, Any], None]] = {
    **ENDS,
    ev.StepStart: Part.on_step_start,
    ev.StepWaiting: Part.on_waiting,
    ev.EventTaken: Part.on_event_taken,
    ev.StepRetry: Part.on_retry,
    ev.StepResult: Part.on_result,
    ev.StepSuspended: Part.on_suspended,
    ev.StepProgress: Part.on_progress,
    ev.ToolCall: Part.on_tool_call,
    ev.ToolCallStreamingStart: Part.on_streaming,
    ev.ToolCallDelta: Part.on_delta,
    ev.ToolResult: Part.on_tool_result,
    ev.ToolError: Part.on_tool_error,
    ev.Canceled: Part.on_canceled,
}
