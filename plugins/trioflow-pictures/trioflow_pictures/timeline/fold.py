"""The fold of a run's events into the bars of its timeline."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

from trioflow import events as ev
from trioflow.addresses import Address
from trioflow_pictures.timeline.arranging import arrange
from trioflow_pictures.timeline.bars import Bar, BarStatus
from trioflow_pictures.timeline.places import Timeline


def timeline_of(events: Iterable[ev.Event]) -> Timeline:
    """Return the timeline of a run from its events, which must include the first."""
    timeline = Timeline()
    for event in events:
        if not timeline.events:
            timeline.run_id, timeline.started, timeline.ended = event.run_id, event.at, event.at
        reducer = _REDUCERS.get(type(event))
        if reducer is not None:
            reducer(timeline, event)
        timeline.ended = max(timeline.ended, event.at)
        timeline.events += 1
    arrange(timeline)
    return timeline


# ---------------------------------------------------------------- the run
def _start(line: Timeline, event: ev.Start) -> None:
    line.trace_id = event.trace_id
    line.root.id = line.root.label = event.workflow_id
    line.root.begin(event.at, "run")
    line.root.values["Input"] = event.input
    if event.resource_id is not None:
        line.root.facts["Resource"] = event.resource_id


def _resume(line: Timeline, event: ev.Resume) -> None:
    line.root.begin(event.at, "run")
    line.root.status = "running"
    for address in event.targets:
        # Items have no event when they resume; calls do, and are not changed here.
        bar = line.bars.get(address)
        if bar is not None and bar.kind == "item":
            bar.begin(event.at, "run")
            bar.status = "running"


def _recover(line: Timeline, event: ev.Recover) -> None:
    for bar in line.bars.values():
        if bar.is_open and bar.status in ("running", "waiting"):
            bar.end(line.ended)
            bar.mark("cut", line.ended)
            bar.status = "interrupted"
    line.root.begin(line.ended, "lost" if event.crashed else "halted")
    line.root.begin(event.at, "run")
    line.root.mark("cut", line.ended)
    line.root.status = "running"


def _stopped(line: Timeline, event: ev.Suspended | ev.Paused) -> None:
    kind: Literal["suspended", "paused"] = (
        "suspended" if isinstance(event, ev.Suspended) else "paused"
    )
    line.root.status = kind
    line.root.begin(event.at, kind)


def _canceled(line: Timeline, event: ev.Canceled) -> None:
    line.root.mark("cut", event.at)
    if event.reason is not None:
        line.root.facts["Reason"] = event.reason


def _finish(line: Timeline, event: ev.Finish) -> None:
    if event.status not in ("success", "failed", "canceled"):
        return  # it may be resumed
    for bar in line.bars.values():  # bars that wait for an answer will not get one
        if bar.is_open:
            bar.end(event.at)
            bar.status = "canceled"
    line.root.end(event.at)
    line.root.status = event.status
    if event.result is not None:
        line.root.values["Result"] = event.result
    if event.error is not None:
        line.root.errors.append(("Error", event.error))


def _event_received(line: Timeline, event: ev.EventReceived) -> None:
    line.root.mark("event", event.at)


# ---------------------------------------------------------------- step calls
def _step_start(line: Timeline, event: ev.StepStart) -> None:
    bar = line.bar(event, event.kind)
    bar.kind, bar.status = event.kind, "running"
    bar.begin(event.at, "run")
    bar.values["Input"] = event.input
    if event.resumed:
        bar.values["Answer"] = event.resume_data
    if event.round:
        bar.facts["Resumed"] = event.round
    if event.plugin is not None:
        bar.facts["Plugin"] = event.plugin
    if event.arms is not None:
        bar.facts["Arms whose condition holds"] = ", ".join(event.arms)


def _step_waiting(line: Timeline, event: ev.StepWaiting) -> None:
    kind: Literal["sleep", "wait"] = "sleep" if event.event is None else "wait"
    if event.address not in line.bars:
        line.bar(event, kind).values["Input"] = event.input
    bar = line.bar(event)
    bar.status = "waiting"
    bar.begin(event.at, kind)
    if event.event is not None:
        bar.facts["Waits for event"] = event.event


def _event_taken(line: Timeline, event: ev.EventTaken) -> None:
    bar = line.bar(event)
    bar.mark("event", event.at)
    bar.status = "running"
    bar.begin(event.at, "run")


def _step_begin(line: Timeline, event: ev.StepBegin) -> None:
    line.bar(event).end_queue(event.at)


def _step_retry(line: Timeline, event: ev.StepRetry) -> None:
    bar = line.bar(event)
    bar.mark("retry", event.at)
    bar.facts["Attempts"] = event.attempt
    bar.errors.append((f"Attempt {event.attempt}", event.error))
    bar.back_off(event.at, event.delay)


def _step_output(line: Timeline, event: ev.StepOutput) -> None:
    bar = line.bar(event)
    bar.mark("chunk", event.at)
    bar.values["Last chunk"] = event.chunk


def _step_suspended(line: Timeline, event: ev.StepSuspended) -> None:
    bar = line.bar(event)
    _suspend(bar, event.at, event.payload, event.label)


def _suspend(bar: Bar, at: float, payload: Any, label: str | None) -> None:
    bar.status = "suspended"
    bar.begin(at, "suspended")
    bar.values["Suspended with"] = payload
    if label is not None:
        bar.facts["Label"] = label


def _step_progress(line: Timeline, event: ev.StepProgress) -> None:
    loop = line.bar(event, "foreach")
    loop.facts["Items"] = f"{event.done} of {event.total} ended"
    item_address = Address.parse(event.address).with_item(event.index)
    item = line.at(str(item_address), event.id, "item")
    if event.status == "suspended":
        _suspend(item, event.at, event.payload, event.label)
        return
    loop.mark("problem" if event.status in ("failed", "canceled") else "item", event.at)
    _end(item, event.at, event.status, event.output, event.error)


def _step_result(line: Timeline, event: ev.StepResult) -> None:
    _end(line.bar(event), event.at, event.status, event.output, event.error)


def _end(bar: Bar, at: float, status: BarStatus, output: Any, error: BaseException | None) -> None:
    bar.end(at)
    bar.status, bar.ended = status, at
    if status in ("success", "bailed"):
        bar.values["Output"] = output
    if error is not None:
        bar.errors.append(("Error", error))


def _step_finish(line: Timeline, event: ev.StepFinish) -> None:
    line.bar(event).facts["Attempts"] = event.attempts


# ---------------------------------------------------------------- tool calls
def _tool(line: Timeline, event: ev.ToolEvent) -> Bar:
    key = f"{event.address} {event.tool_call_id}"
    if key not in line.bars:
        bar = Bar("tool-call", event.name, event.name, event.address)
        bar.facts["Tool call"] = event.tool_call_id
        line.bar(event).children.append(bar)
        line.bars[key] = bar
    return line.bars[key]


def _tool_call(line: Timeline, event: ev.ToolCall) -> None:
    bar = _tool(line, event)
    bar.status = "running"
    bar.begin(event.at, "run")
    bar.values["Arguments"] = event.args
    if event.plugin is not None:
        bar.facts["Plugin"] = event.plugin
    line.bar(event).mark("tool", event.at)


def _tool_delta(line: Timeline, event: ev.ToolCallDelta) -> None:
    bar = _tool(line, event)
    bar.mark("delta", event.at)
    bar.facts["Pieces"] = len(bar.marks["delta"])
    bar.values["Last piece"] = event.delta
    line.bar(event).mark("delta", event.at)


def _tool_result(line: Timeline, event: ev.ToolResult) -> None:
    _end(_tool(line, event), event.at, "success", event.output, None)


def _tool_error(line: Timeline, event: ev.ToolError) -> None:
    _end(_tool(line, event), event.at, event.status, None, event.error)


_REDUCERS: dict[type[ev.Event], Callable[[Timeline, Any], None]] = {
    ev.Start: _start,
    ev.Resume: _resume,
    ev.Recover: _recover,
    ev.Suspended: _stopped,
    ev.Paused: _stopped,
    ev.Canceled: _canceled,
    ev.Finish: _finish,
    ev.EventReceived: _event_received,
    ev.StepStart: _step_start,
    ev.StepWaiting: _step_waiting,
    ev.EventTaken: _event_taken,
    ev.StepBegin: _step_begin,
    ev.StepRetry: _step_retry,
    ev.StepOutput: _step_output,
    ev.StepSuspended: _step_suspended,
    ev.StepProgress: _step_progress,
    ev.StepResult: _step_result,
    ev.StepFinish: _step_finish,
    ev.ToolCall: _tool_call,
    ev.ToolCallDelta: _tool_delta,
    ev.ToolResult: _tool_result,
    ev.ToolError: _tool_error,
}
