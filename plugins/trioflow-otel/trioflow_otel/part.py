"""The span tree of one part of a run, built from its events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from opentelemetry import baggage
from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import Span, get_current_span

from trioflow import events as ev
from trioflow.abc import BodyInfo, SpanInfo
from trioflow.addresses import Address
from trioflow_otel import attributes as a
from trioflow_otel.calls import CalledTool, OpenCall, OpenSpan, OpenTool
from trioflow_otel.errors import error_type
from trioflow_otel.texts import NAMES, Attributes
from trioflow_otel.writer import Writer

HALTED = "halted"
"""The status of what is canceled because the run is halted: it can be recovered."""


class Part:
    """The open spans of a part of a run."""

    def __init__(self, writer: Writer, root: Span, around: Context, is_recording: bool) -> None:
        self._writer = writer
        self._texts = writer.texts
        self._root = OpenSpan.of(root, around, writer)
        self._calls: dict[str, OpenCall] = {}
        self._tools: dict[str, OpenTool | CalledTool] = {}
        self.baggage = baggage.get_all(around)
        self.has_ended = False
        self.is_halted = False
        self.is_recording = is_recording
        """Whether the trace is sampled; otherwise there is only the root span."""

    # ------------------------------------------------------------ bodies
    def begin_body(self, body: BodyInfo) -> Span:
        """Return the span of a starting body."""
        if not self.is_recording:
            return self._root.span
        if body.tool_call_id is not None:
            return self._begin_tool(body.tool_call_id, body.span).span
        call = self._calls.get(body.address)
        if call is None:  # items have no start event
            call = self._open_item(body.step_id, body.step_call_id, body.address, body.at)
        call.attempts = body.attempt
        about = self._texts.known({a.STEP: body.step_id, a.ATTEMPT: body.attempt})
        about |= a.code_attributes(body.function, self._texts)
        name = f"attempt {body.step_id}"
        call.attempt = self._begin(name, call, body.at, about, body.span)
        return call.attempt.span

    # ------------------------------------------------------------ calls
    def on_step_start(self, event: ev.StepStart) -> None:
        about = self._texts.known(
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
            call.span.update_name(NAMES.text(f"{event.kind} {event.id}"))
            call.span.set_attributes({a.STEP_KIND: event.kind, **about})
            call.note("started", event.at)

    def on_waiting(self, event: ev.StepWaiting) -> None:
        call = self._calls.get(event.address)
        if call is None:
            call = self._open_call(event, "sleep" if event.event is None else "wait", {})
        waiting_for = {a.EVENT: event.event, a.UNTIL: event.until}
        call.note("waiting", event.at, self._texts.known(waiting_for))

    def on_event_taken(self, event: ev.EventTaken) -> None:
        taken = self._texts.known({a.EVENT: event.event})
        self._calls[event.address].note("event_taken", event.at, taken)

    def on_begin(self, event: ev.StepBegin) -> None:
        self._calls[event.address].note("begun", event.at, {a.ATTEMPT: event.attempt})

    def on_retry(self, event: ev.StepRetry) -> None:
        call = self._calls[event.address]
        about: Attributes = {a.ATTEMPT: event.attempt, a.DELAY: event.delay}
        call.note("retry", event.at, {**about, a.ERROR_TYPE: error_type(event.error)})
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
        about = self._texts.known(
            {
                a.OPERATION: a.EXECUTE_TOOL,
                a.TOOL: event.name,
                a.TOOL_CALL: event.tool_call_id,
                a.STEP: event.id,
                a.PLUGIN: event.plugin,
            }
        )
        caller = self._calls[event.address]
        around = self._current() or caller.inside
        name = f"{a.EXECUTE_TOOL} {event.name}"
        self._tools[event.tool_call_id] = CalledTool(caller, around, event.at, name, about)

    def _begin_tool(self, id: str, info: SpanInfo | None = None) -> OpenTool:
        """Return the span of a tool call, which begins now if it has not begun before."""
        tool = self._tools[id]
        if isinstance(tool, CalledTool):
            begun = self._begin(tool.name, tool.around, tool.at, tool.about, info)
            called, tool = tool, OpenTool(begun.span, begun.context, self._writer, tool.caller)
            self._tools[id] = tool
            if called.streams_at is not None:
                tool.pieces = 0
                tool.note("streaming", called.streams_at)
        return tool

    def _current(self) -> OpenSpan | None:
        """Return the current span of the body's code, if it belongs to this trace."""
        current = get_current_span()
        if current.get_span_context().trace_id == self._root.span.get_span_context().trace_id:
            return OpenSpan(current, otel_context.get_current(), self._writer)
        return None

    def on_streaming(self, event: ev.ToolCallStreamingStart) -> None:
        tool = self._tools[event.tool_call_id]
        assert isinstance(tool, CalledTool)  # its body has not begun
        self._tools[event.tool_call_id] = attrs.evolve(tool, streams_at=event.at)

    def on_delta(self, event: ev.ToolCallDelta) -> None:
        tool = self._begin_tool(event.tool_call_id)
        tool.pieces = (tool.pieces or 0) + 1

    def on_tool_result(self, event: ev.ToolResult) -> None:
        self._close_tool(event, "success", None)

    def on_tool_error(self, event: ev.ToolError) -> None:
        self._close_tool(event, event.status, event.error)

    def _close_tool(self, event: ev.ToolEvent, status: str, error: BaseException | None) -> None:
        tool = self._begin_tool(event.tool_call_id)
        del self._tools[event.tool_call_id]
        status = self._status(status)
        try:
            self._mark_tool(tool, status, error, event.at)
        finally:
            tool.end(event.at)

    def _mark_tool(
        self, tool: OpenTool, status: str, error: BaseException | None, at: float
    ) -> None:
        tool.span.set_attribute(a.TOOL_STATUS, status)
        if tool.pieces is not None:
            tool.span.set_attribute(a.TOOL_PIECES, tool.pieces)
        if status == "failed":
            tool.fail(error, at, tell=tool.caller.hear(error))
        elif status in ("canceled", HALTED):
            tool.note(status, at)

    # ------------------------------------------------------------ the run
    def on_canceled(self, event: ev.Canceled) -> None:
        about = self._texts.known({a.REASON: event.reason})
        self._root.note(self._status("canceled"), event.at, about)

    def on_pause(self, event: ev.Suspended | ev.Paused) -> None:
        self._root.note(event.type, event.at)
        self._end(event.type, None, event.at)

    def on_finish(self, event: ev.Finish) -> None:
        self._end(self._status(event.status), event.error, event.at)

    def _status(self, status: str) -> str:
        return HALTED if self.is_halted and status == "canceled" else status

    def _end(self, status: str, error: BaseException | None, at: float) -> None:
        self.has_ended = True
        try:
            self._root.span.set_attribute(a.RUN_STATUS, status)
            if status == "failed":
                self._root.fail(error, at, tell=self._root.hear(error))
        finally:
            self._root.end(at)

    # ------------------------------------------------------------ inside
    def _begin(
        self,
        name: str,
        around: OpenSpan,
        at: float,
        about: Attributes,
        info: SpanInfo | None = None,
    ) -> OpenSpan:
        kind = "internal"
        if info is not None:
            name, kind = info.name, info.kind
            about = {**about, **self._texts.attributes(info.attributes)}
        span = self._writer.start(name, around.context, at, about, kind)
        return OpenSpan.of(span, around.context, self._writer)

    def _open_call(self, event: ev.StepEvent, kind: str, about: Attributes) -> OpenCall:
        place = {a.STEP: event.id, a.STEP_KIND: kind, a.STEP_CALL: event.step_call_id}
        about = {**about, **self._texts.known(place)}
        return self._open(event.address, f"{kind} {event.id}", event.at, about)

    def _open_item(self, id: str, call_id: str, address: str, at: float) -> OpenCall:
        index = Address.parse(address).item
        place = {a.STEP: id, a.STEP_KIND: "item", a.ITEM: index, a.STEP_CALL: call_id}
        return self._open(address, f"item {id}", at, self._texts.known(place))

    def _open(self, address: str, name: str, at: float, about: Attributes) -> OpenCall:
        around = self._around(address)
        inside = around.inside if isinstance(around, OpenCall) else around
        begun = self._begin(name, inside, at, about)
        call = self._calls[address] = OpenCall(begun.span, begun.context, self._writer)
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
        status = self._status(status)
        tell = status == "failed" and call.hear(error)
        if status == "failed":
            self._around(address).hear(error)
        try:
            call.span.set_attribute(a.STEP_STATUS, status)
            if call.attempts:
                call.span.set_attribute(a.ATTEMPTS, call.attempts)
            if status == "failed":
                call.fail(error, at, tell=tell and call.attempt is None)
            elif status in ("canceled", "suspended", HALTED):
                call.note(status, at, self._texts.known({a.LABEL: label}))
        finally:
            try:
                call.end_attempt(status, error, at, tell=tell)
            finally:
                call.end(at)


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
    ev.StepBegin: Part.on_begin,
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
