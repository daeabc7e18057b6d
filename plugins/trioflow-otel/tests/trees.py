"""The tree of a run's calls: as its events tell of it, and as its spans do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs
from opentelemetry.sdk.trace import ReadableSpan

from trioflow import events
from trioflow.addresses import Address


@attrs.define
class Branch:
    """What spans and events have to agree on."""

    kind: str
    call: str
    """The address of a call, the id of a tool call; empty for the run."""
    started: int
    """Nanoseconds; 0 for an item, whose beginning is no event."""
    ended: int = 0
    status: str = ""
    children: list[Branch] = attrs.field(factory=list)

    def normal(self) -> Any:
        """Return it in a form to compare, with its children in an order of their own."""
        inside = sorted(child.normal() for child in self.children)
        return self.kind, self.call, self.started, self.ended, self.status, inside


# ---------------------------------------------------------------- what the events say
class TreeOfEvents:
    """Builds the tree of calls from nothing but their addresses and times."""

    def __init__(self) -> None:
        self.root = Branch("run", "", 0)
        self.open: dict[str, Branch] = {"": self.root}
        self.tools: dict[str, Branch] = {}

    def build(self, log: Iterable[events.Event]) -> Branch:
        for event in log:
            self.take(event)
        return self.root

    def take(self, event: events.Event) -> None:
        match event:
            case events.Start() | events.Resume() | events.Recover():
                self.root.started = nanoseconds(event.at)
            case events.StepStart():
                self.call(event.address, event.at).kind = event.kind
            case events.StepWaiting() if Address.parse(event.address).item is None:
                waits = event.address not in self.open
                branch = self.call(event.address, event.at)
                if waits:
                    branch.kind = "sleep" if event.event is None else "wait"
            case events.StepResult():
                end(self.open.pop(event.address), event.at, event.status)
            case events.StepSuspended():
                end(self.open.pop(event.address), event.at, "suspended")
            case events.StepProgress():
                self.call(f"{event.address}[{event.index}]", 0)
                end(self.open.pop(f"{event.address}[{event.index}]"), event.at, event.status)
            case events.ToolCall():
                branch = Branch("tool", event.tool_call_id, nanoseconds(event.at))
                self.call(event.address, 0).children.append(branch)
                self.tools[event.tool_call_id] = branch
            case events.ToolResult():
                end(self.tools[event.tool_call_id], event.at, "success")
            case events.ToolError():
                end(self.tools[event.tool_call_id], event.at, event.status)
            case events.Suspended() | events.Paused():
                end(self.root, event.at, event.type)
            case events.Finish() if not self.root.ended:
                end(self.root, event.at, event.status)

    def call(self, address: str, at: float) -> Branch:
        """Return the branch of a call or item, which begins now if it has not begun before."""
        if address not in self.open:
            self.begin(address, at)
        return self.open[address]

    def begin(self, text: str, at: float) -> None:
        address = Address.parse(text)
        around = address.parent
        if around is not None and around.item is not None:  # which no event begins
            self.call(str(around), 0)
        kind = "?" if address.item is None else "item"
        self.open[text] = Branch(kind, text, nanoseconds(at))
        self.open["" if around is None else str(around)].children.append(self.open[text])


def end(branch: Branch, at: float, status: str) -> None:
    branch.ended, branch.status = nanoseconds(at), status


def nanoseconds(at: float) -> int:
    return round(at * 1e9)


# ---------------------------------------------------------------- what the spans say
def tree_of_spans(spans: Iterable[ReadableSpan]) -> Branch:
    """Build the tree of one part, in which the children of an attempt are those of its call."""
    by_id = {span.context.span_id: span for span in spans}
    branches = {id: branch_of(span) for id, span in by_id.items()}
    for id, span in by_id.items():
        if span.parent is not None and not is_attempt(span):
            around = by_id[span.parent.span_id]
            assert is_within(span, around)
            if is_attempt(around) and around.parent is not None:
                around = by_id[around.parent.span_id]
            branches[around.context.span_id].children.append(branches[id])
    (root,) = (branches[id] for id, span in by_id.items() if span.parent is None)
    return root


def branch_of(span: ReadableSpan) -> Branch:
    found: dict[str, Any] = dict(span.attributes or {})
    started, ended = span.start_time or 0, span.end_time or 0
    if span.parent is None:
        return Branch("run", "", started, ended, found["trioflow.run.status"])
    if "gen_ai.tool.call.id" in found:
        call = found["gen_ai.tool.call.id"]
        return Branch("tool", call, started, ended, found["trioflow.tool.status"])
    kind, status = found.get("trioflow.step.kind", "attempt"), found["trioflow.step.status"]
    address = found.get("trioflow.step.call.id", "").removeprefix("r:")
    return Branch(kind, address, 0 if kind == "item" else started, ended, status)


def is_attempt(span: ReadableSpan) -> bool:
    return span.name.startswith("attempt ")


def is_within(span: ReadableSpan, around: ReadableSpan) -> bool:
    assert span.start_time is not None
    assert span.end_time is not None
    assert around.start_time is not None
    assert around.end_time is not None
    return around.start_time <= span.start_time <= span.end_time <= around.end_time
