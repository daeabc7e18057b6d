"""A compact view of a run for the live display: the fold of its events into a tree.

Unlike `trioflow.record.RunRecord` it drops details: iterations of a loop share one entry, items
of a ``foreach`` disappear when they succeed, and of many finished siblings only the last are
kept. So it stays small however long the run is. It does not depend on terminals.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Literal

import attrs

from trioflow import events as ev
from trioflow._cli.places import NO_ORDER, ArmOrder
from trioflow._cli.speech import arguments_of, is_silent, text_of, usage_text, wire_of
from trioflow._cli.text import duration
from trioflow._cli.values import FELL_BACK, describe_error, preview
from trioflow.addresses import Address

if TYPE_CHECKING:
    from cattrs import Converter

Status = Literal[
    "running",
    "waiting",
    "retrying",
    "success",
    "bailed",
    "failed",
    "canceled",
    "suspended",
    "paused",
    "interrupted",
]
"""Status of a call or a run; ``"interrupted"`` calls start again when the run is recovered."""
KEPT = 100
"""Maximum number of successful children that an entry keeps."""
KEPT_TOOLS = 3
"""Maximum number of finished tool calls that an entry keeps."""
TAIL = 600
"""Maximum number of characters of a tool's output that are kept."""


@attrs.define(eq=False)
class ToolView:
    """One tool call."""

    name: str
    status: Status = "running"
    detail: str = ""
    pieces: int = 0
    tail: str = ""
    """The end of its output."""
    used: str = ""
    """What an agent's model has used."""
    _asks_for: str = ""
    """The tool for which the model writes arguments."""

    def add(self, piece: Any) -> None:
        """Add a piece as on the wire: text is joined, other values get a line each."""
        self.pieces += 1
        arguments = arguments_of(piece)
        if arguments is not None:
            name, text = arguments
            if name != self._asks_for:
                self._asks_for, text = name, f"\n{name} {text}"
        elif usage_text(piece):
            self.used, text = usage_text(piece), ""
        elif is_silent(piece):
            text = ""
        else:
            text = piece if isinstance(piece, str) else text_of(piece) or preview(piece) + "\n"
        self.tail = (self.tail + text)[-TAIL:]


@attrs.define(eq=False)
class CallView:
    """One step call, all iterations of a loop, or one item of a foreach."""

    id: str
    label: str
    """Its id inside the workflow that it belongs to."""
    started: float
    """Seconds since the epoch."""
    status: Status = "running"
    ended: float | None = None
    detail: str = ""
    """Its error, the event it waits for, or its last output."""
    until: float | None = None
    """When its wait ends at the latest, if it waits; seconds since the epoch."""
    attempt: int = 1
    """The current attempt, counted from 1; after the end, the number of attempts."""
    iteration: int | None = None
    progress: tuple[int, int] | None = None
    """In a foreach: how many items have ended, of how many."""
    tools: dict[str, ToolView] = attrs.field(factory=dict)
    children: dict[str, CallView] = attrs.field(factory=dict)
    finished: deque[str] = attrs.field(factory=deque)
    """The keys of the successful children, in the order in which they ended."""
    hidden: int = 0
    """Number of successful children that are no longer kept."""
    rank: tuple[int, int, int] = (0, 0, 0)
    """Sort key among its siblings: its node, its arm there, and its item."""
    is_recalled: bool = False
    """Whether it ended before the part of the run that is shown."""

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.status in ("running", "waiting", "retrying")

    def close(self, status: Status, at: float, detail: str = "") -> None:
        """Mark it as ended."""
        self.status, self.ended, self.until, self.detail = status, at, None, detail

    def child_finished(self, key: str) -> None:
        """Record a successful child, and drop the oldest one if there are many."""
        self.finished.append(key)
        if len(self.finished) > KEPT:
            del self.children[self.finished.popleft()]
            self.hidden += 1


@attrs.define(eq=False)
class RunView:
    """A run as of the events that have been applied."""

    order: ArmOrder = NO_ORDER
    converter: Converter | None = None
    root: CallView = attrs.field(factory=lambda: CallView("", "", 0.0))
    """The run's own workflow; without id until the run has started."""

    def apply(self, event: ev.Event) -> None:
        """Apply one more event."""
        match event:
            case ev.StepEvent():
                self._apply_step(event, path_of(event.address))
            case ev.Start():
                self.root = CallView(event.workflow_id, event.workflow_id, event.at)
            case ev.Resume() | ev.Recover():
                self.root.status, self.root.ended = "running", None
            case ev.Finish() if event.status != "pending":
                self.root.close(event.status, event.at)

    def recall(self) -> None:
        """Mark what has ended by now as older than the part that is shown."""
        _recall(self.root)

    def interrupt(self, at: float) -> None:
        """Mark open calls as interrupted: they start again later."""
        _interrupt(self.root, at)

    def _apply_step(self, event: ev.StepEvent, path: tuple[str, ...]) -> None:
        match event:
            case ev.StepStart():
                self._open(event, path).iteration = event.iteration
                return
            case ev.StepWaiting() if not self._nearest(path)[1]:
                self._open(event, path)
        call, exact = self._nearest(path)
        match event:
            case ev.StepResult():
                self._close(event, path, call)
            case ev.StepProgress():
                _end_item(event, call)
            case ev.ToolEvent():
                _apply_tool(event, call, self.converter)
            case _:
                _apply_to_call(event, call, "" if exact else f"{path[-1]} ")

    def _open(self, event: ev.StepStart | ev.StepWaiting, path: tuple[str, ...]) -> CallView:
        parent = self.root
        for key in path[:-1]:
            if key not in parent.children:  # only items of a foreach have no event of their start
                parent.children[key] = _item_view(parent, int(key[1:-1]), event.at)
            parent = parent.children[key]
        key = path[-1]
        address = Address.parse(event.address)
        label = _label(event.id, parent, len(path)) if address.item is None else key
        call = CallView(event.id, label, event.at)
        call.rank = (*self.order.rank(address), address.item or 0)
        before = parent.children.get(key)
        if before is not None:  # the next iteration, or a resumed call
            call.started = before.started
            if before.is_open or before.status == "suspended":
                call.children, call.finished = before.children, before.finished
                call.hidden, call.progress = before.hidden, before.progress
            if key in parent.finished:
                parent.finished.remove(key)
        parent.children[key] = call
        return call

    def _close(self, event: ev.StepResult, path: tuple[str, ...], call: CallView) -> None:
        detail = describe_error(event.error) if event.error is not None else ""
        if detail and event.status == "success":
            detail = f"{FELL_BACK}{detail}"
        call.close(event.status, event.at, detail)
        if event.status in ev.SUCCESS_STATUSES:
            self._nearest(path[:-1])[0].child_finished(path[-1])

    def _nearest(self, path: tuple[str, ...]) -> tuple[CallView, bool]:
        """Return the entry at *path* and True, or the last one on the way there and False."""
        call = self.root
        for key in path:
            if key not in call.children:
                return call, False
            call = call.children[key]
        return call, call.is_open


def path_of(address: str) -> tuple[str, ...]:
    """Return the keys that lead to the entry of a call, from the root.

    Items of a foreach are their own level; iterations and attempts share an entry.
    """
    return tuple(_key(outer) for outer in Address.parse(address).walk())


def _key(address: Address) -> str:
    if address.item is not None:
        return f"[{address.item}]"
    return f"{address.position}" if address.arm is None else f"{address.position}:{address.arm}"


def _label(id: str, parent: CallView, depth: int) -> str:
    return id if depth == 1 else id.removeprefix(f"{parent.id}.")


def _item_view(call: CallView, index: int, at: float) -> CallView:
    return CallView(call.id, f"[{index}]", at, rank=(0, 0, index))


def _recall(call: CallView) -> None:
    call.is_recalled = call.status in ev.SUCCESS_STATUSES
    for child in call.children.values():
        _recall(child)


def _interrupt(call: CallView, at: float) -> None:
    if call.is_open:
        call.close("interrupted", at)
    for child in call.children.values():
        _interrupt(child, at)


def _apply_to_call(event: ev.StepEvent, call: CallView, prefix: str) -> None:
    """Apply an event to an open call; *prefix* names the item if it concerns only one."""
    match event:
        case ev.StepRetry():
            call.detail = prefix + describe_error(event.error)
            if not prefix:
                call.status, call.until = "retrying", event.at + event.delay
                call.attempt = event.attempt + 1
                call.children.clear()
                call.finished.clear()
        case ev.StepBegin():
            since = call.started if event.attempt == 1 else call.until or call.started
            call.status, call.detail = "running", f"waited {duration(event.at - since)}"
        case ev.StepOutput():
            call.status, call.detail = "running", prefix + preview(event.chunk)
        case ev.StepWaiting():
            call.status, call.until = "waiting", event.until
            call.detail = f"waiting for event {event.event!r}" if event.event else "sleeping"
        case ev.StepFinish():
            call.attempt = event.attempts
        case ev.StepSuspended():
            call.close("suspended", event.at, preview(event.payload))


def _end_item(event: ev.StepProgress, call: CallView) -> None:
    call.progress = (event.done, event.total)
    key = f"[{event.index}]"
    item = call.children.get(key)
    if event.status == "failed" and event.error is not None:
        error = describe_error(event.error)
        if item is None:
            item = call.children[key] = _item_view(call, event.index, event.at)
        item.close("failed", event.at, error)
    elif event.status == "suspended":
        if item is None:
            item = call.children[key] = _item_view(call, event.index, event.at)
        item.close("suspended", event.at, preview(event.payload))
    elif item is not None and event.status == "canceled":
        item.close("canceled", event.at)
    else:
        call.children.pop(key, None)


def _apply_tool(event: ev.ToolEvent, call: CallView, converter: Converter | None) -> None:
    if call.is_open:  # it may have waited: no other event reports the end of a wait
        call.status = "running"
    if isinstance(event, ev.ToolCall):
        over = [key for key, tool in call.tools.items() if tool.status != "running"]
        for key in over[: len(over) - KEPT_TOOLS + 1]:
            del call.tools[key]
        call.tools[event.tool_call_id] = ToolView(event.name, detail=preview(event.args))
    tool = call.tools.get(event.tool_call_id)
    if tool is None:
        return
    match event:
        case ev.ToolCallDelta():
            tool.add(wire_of(event.delta, converter))
        case ev.ToolResult():
            tool.status = "success"
        case ev.ToolError():
            tool.status = event.status
            tool.detail = describe_error(event.error) if event.error is not None else ""
