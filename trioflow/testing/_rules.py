"""The rules about one call: its address, its tools, its items and its attempts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trioflow import events as ev
from trioflow.addresses import Address
from trioflow.testing._log import Call, Frame, Log, ToolCall, item_of
from trioflow.testing._shape import Shape

TOOL = {
    ("new", "tool-call"): "called",
    ("called", "tool-call-streaming-start"): "streaming",
    ("streaming", "tool-call-delta"): "streaming",
    ("called", "tool-result"): "finished",
    ("called", "tool-error"): "finished",
    ("streaming", "tool-result"): "finished",
    ("streaming", "tool-error"): "finished",
}
"""Maps the phase of a tool call and the type of its next event to its next phase."""


# ---------------------------------------------------------------- addresses: rules 2, 4, 5, 6
def open_call(log: Log, shape: Shape, event: ev.StepEvent, address: Address) -> Call:
    """Register the call that begins with *event*, and check that it may begin here."""
    call = Call(event.id, address.call, _parent(log, event, address), log.index, log.index)
    if not isinstance(event, ev.StepStart | ev.StepWaiting):
        log.fail(2, f"{event.type} of {call}, which has not started")
    _check_id(log, call)
    _enter(log, shape, call)
    shape.check_call(log, call, event)
    log.calls[call.address] = log.open[call.address] = call
    shape.check_concurrency(log, call)
    return call


def _parent(log: Log, event: ev.StepEvent, address: Address) -> Call | None:
    around = address.scope
    if around is None:
        return None
    parent = log.calls.get(around.call)
    if parent is None:
        log.fail(2, f"{event.type} inside call {around.call}, which has not started")
    if _has_ended(parent, around.item):
        log.fail(6, f"{event.type} inside item {around.item}, which has ended", parent.last)
    if around.attempt != parent.retries.get(around.item, 0) + 1:
        log.fail(
            6, f"{event.type} inside attempt {around.attempt}, which is not active", parent.last
        )
    return parent


def _check_id(log: Log, call: Call) -> None:
    prefix = f"{call.parent.id}." if call.parent else ""
    if not call.id.startswith(prefix):
        log.fail(4, f"{call} is inside {call.parent}, so its id must begin with {prefix!r}")
    if call.address.arm not in (None, call.id.removeprefix(prefix)):
        log.fail(4, f"{call} is arm {call.address.arm!r}")


def _enter(log: Log, shape: Shape, call: Call) -> None:
    """Check the order of the nodes of one workflow, and of the calls of one node."""
    frame = log.frames.setdefault(call.address.scope, Frame())
    if call.address.position < frame.position:
        log.fail(4, f"{call} starts after {frame.calls[0]}", frame.calls[0].opened)
    if call.address.position > frame.position:
        _check_left(log, frame, call)
        shape.check_left(log, frame, call)
        frame.calls = []
    _check_siblings(log, frame, call)
    frame.calls.append(call)


def _check_left(log: Log, frame: Frame, call: Call) -> None:
    for before in frame.calls:
        if before.phase != "finished":
            log.fail(4, f"{call} starts while {before} is {before.phase}", before.last)


def _check_siblings(log: Log, frame: Frame, call: Call) -> None:
    before = frame.calls[-1] if frame.calls else None
    iteration = call.address.iteration
    if iteration is not None:
        if iteration != len(frame.calls) + 1:
            log.fail(6, f"{call} where iteration {len(frame.calls) + 1} is next")
        if before is not None and before.phase != "finished":
            log.fail(6, f"{call} starts while {before} is {before.phase}", before.last)
    elif before is not None and (call.address.arm is None or before.address.arm is None):
        log.fail(5, f"{call} and {before} are at one position, but not arms", before.opened)


def check_address(log: Log, call: Call, event: ev.StepEvent, address: Address) -> None:
    """Check that the id and the address of an event match its call."""
    if event.id != call.id:
        log.fail(4, f"id {event.id!r} in an event of {call}", call.opened)
    if isinstance(event, ev.StepAnswered):  # its parent is also suspended
        return
    if call.parent is not None and call.parent.phase != "open":
        log.fail(2, f"{event.type} of {call} outside {call.parent}", call.parent.last)
    if address.item is not None and call.kind != "foreach":
        log.fail(6, f"{event.type} of an item of {call}, which is not a foreach", call.opened)
    if _has_ended(call, address.item):
        log.fail(6, f"{event.type} of item {address.item}, which has ended", call.last)


# ---------------------------------------------------------------- by type of event
def check_nothing(log: Log, call: Call, event: Any, address: Address) -> None:
    """Check nothing: events of this type have no rules of their own."""


def check_start(log: Log, call: Call, event: ev.StepStart, address: Address) -> None:
    """Check that the event and its address agree on the iteration."""
    call.kind = event.kind
    if event.iteration != address.iteration:
        log.fail(6, f"{call} has a step-start with iteration {event.iteration}")


def check_tool(log: Log, call: Call, event: ev.ToolEvent, address: Address) -> None:
    """Advance the phase of a tool call, following `TOOL`."""
    tool = call.tools.get(event.tool_call_id)
    phase = TOOL.get((tool.phase if tool else "new", event.type))
    if phase is None:
        found = f"is {tool.phase}" if tool else "has not been called"
        marks = [tool.index] if tool else []
        log.fail(3, f"{event.type} while tool call {event.tool_call_id} {found}", *marks)
    if tool is not None and tool.name != event.name:
        log.fail(3, f"tool call {event.tool_call_id} is a call of {tool.name}", tool.index)
    call.tools[event.tool_call_id] = ToolCall(event.name, phase, log.index, address.item)


def check_retry(log: Log, call: Call, event: ev.StepRetry, address: Address) -> None:
    """Check that attempts are counted, and that each ends before the next one starts."""
    failed = call.retries[address.item] = call.retries.get(address.item, 0) + 1
    if not failed <= event.attempt <= failed + log.crashes:
        log.fail(6, f"{event.type} of attempt {event.attempt}, but {failed} is active", call.last)
    _check_nothing_open(log, call, event, address.item)


def check_progress(log: Log, call: Call, event: ev.StepProgress, address: Address) -> None:
    """Check that each item of a foreach ends once, and that the items are counted."""
    if call.kind != "foreach":
        log.fail(6, f"step-progress of {call}, which is not a foreach", call.opened)
    if _has_ended(call, event.index):
        log.fail(6, f"item {event.index} of {call} ends twice", call.last)
    _check_nothing_open(log, call, event, event.index)
    call.progress.pop(event.index, None)  # it had waited; keep the order of the events
    call.progress[event.index] = event
    done = sum(one.status in ev.DONE_STATUSES for one in call.progress.values())
    totals = {one.total for one in call.progress.values()}
    if event.done != done:
        log.fail(6, f"done is {event.done}, but {done} items have ended", call.last)
    if len(totals) > 1 or not 0 <= event.index < event.total:
        log.fail(6, f"item {event.index} of {event.total}", call.last)


def _has_ended(call: Call, item: int | None) -> bool:
    """Return whether an item of a foreach has ended, and does not only wait for an answer."""
    progress = None if item is None else call.progress.get(item)
    return progress is not None and progress.status in ev.DONE_STATUSES


def check_answered(log: Log, call: Call, event: ev.StepAnswered, address: Address) -> None:
    """Check that the question waits for an answer, and that the run was resumed with one."""
    before = log.events[log.index - 1]
    is_shared = log.record.forked_from is not None  # without the segments of the original run
    if not is_shared and not isinstance(before, ev.Resume | ev.StepAnswered):
        log.fail(2, f"step-answered after {before.type}", log.index - 1)
    known = log.record.asks.get(event.address, {})
    if event.key not in known or known[event.key].status != "waiting":
        log.fail(2, f"step-answered of question {event.key!r}, which is not waiting", call.last)


def check_suspended(log: Log, call: Call, event: ev.StepSuspended, address: Address) -> None:
    """Check that nothing inside the call is open."""
    _check_nothing_open(log, call, event)


def check_result(log: Log, call: Call, event: ev.StepResult, address: Address) -> None:
    """Check that nothing inside the call is open, and that a foreach has done all its items."""
    _check_nothing_open(log, call, event)
    call.status = event.status
    log.frames[address.scope].bailed |= event.status == "bailed"
    if event.status == "success":
        for last in list(call.progress.values())[-1:]:
            if last.done != last.total:
                log.fail(6, f"{call} succeeds with {last.done} of {last.total} items", call.last)


def check_finish(log: Log, call: Call, event: ev.StepFinish, address: Address) -> None:
    """Check the number of attempts."""
    failed = call.retries.get(None, 0)
    most = failed + 1 + log.crashes  # attempts lost in crashes count
    if not failed <= event.attempts <= most and call.kind != "foreach":
        log.fail(
            6, f"step-finish of {call} has {event.attempts} attempts, of which {failed} failed"
        )


def _check_nothing_open(log: Log, call: Call, event: ev.StepEvent, item: int | None = None) -> None:
    """Check that no call or tool call inside a call, or inside one item of it, is open."""
    for inner in log.open.values():
        if inner.parent is call and item in (None, item_of(inner)):
            log.fail(2, f"{event.type} of {call} while {inner} is {inner.phase}", inner.last)
    for id, tool in call.tools.items():
        if tool.phase != "finished" and item in (None, tool.item):
            log.fail(3, f"{event.type} of {call} while tool call {id} is open", tool.index)


CHECKS: dict[type[ev.Event], Callable[[Log, Call, Any, Address], None]] = {
    ev.StepStart: check_start,
    ev.StepRetry: check_retry,
    ev.StepProgress: check_progress,
    ev.StepSuspended: check_suspended,
    ev.StepAnswered: check_answered,
    ev.StepResult: check_result,
    ev.StepFinish: check_finish,
    ev.ToolCall: check_tool,
    ev.ToolCallStreamingStart: check_tool,
    ev.ToolCallDelta: check_tool,
    ev.ToolResult: check_tool,
    ev.ToolError: check_tool,
}
"""The check for each type of event; other types have no rules of their own."""
