"""The spans of any run are the tree of its calls, as its events tell of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import attrs
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode
from trio.testing import MockClock

from trioflow import Workflow, events, open_engine
from trioflow.testing import record
from trioflow.testing.strategies import LIMITS, Taste, inputs, workflows

from .traces import Traces

ANSWERS = {"go": 1, "late": 2}
CANCELS = st.none() | st.sampled_from([1 / 16, 5 / 16, 17 / 16, 81 / 16])
"""When somebody cancels the run, in seconds; at a moment when nothing else happens."""


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


@settings(deadline=None, max_examples=60)
@given(workflows(Taste()), inputs(), CANCELS)
def test_the_spans_are_the_tree_of_the_calls(
    workflow: Workflow[Any, Any], value: Any, cancel_at: float | None
) -> None:
    traces = Traces()
    clock = MockClock(autojump_threshold=0)
    log = trio.run(run_and_record, workflow, value, cancel_at, traces, clock=clock)

    assert tree_of_spans(traces.spans).normal() == TreeOfEvents().build(log).normal()
    assert len({span.context.trace_id for span in traces.spans}) == 1
    for span in traces.spans:
        check_status(span)
    check_attempts(log, traces.spans)


async def run_and_record(
    workflow: Workflow[Any, Any], value: Any, cancel_at: float | None, traces: Traces
) -> list[events.Event]:
    async with (
        open_engine(plugins=[traces.plugin], limits=LIMITS) as engine,
        trio.open_nursery() as nursery,
    ):
        run = engine.create_run(workflow, run_id="r")

        async def cancel() -> None:
            if cancel_at is not None:
                await trio.sleep(cancel_at)
                run.cancel("enough")

        nursery.start_soon(cancel)
        log = await record(run, value, answers=ANSWERS)
        nursery.cancel_scope.cancel()
    return log


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
            case events.Start():
                self.root.started = nanoseconds(event.at)
            case events.StepStart():
                self.call(event.address, event.at).kind = event.kind
            case events.StepWaiting() if not event.address.endswith("]"):
                waits = event.address not in self.open
                branch = self.call(event.address, event.at)
                if waits:
                    branch.kind = "sleep" if event.event is None else "wait"
            case events.StepResult():
                end(self.open.pop(event.address), event.at, event.status)
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
            case events.Finish():
                end(self.root, event.at, event.status)

    def call(self, address: str, at: float) -> Branch:
        """Return the branch of a call or item, which begins now if it has not begun before."""
        if address not in self.open:
            self.begin(address, at)
        return self.open[address]

    def begin(self, address: str, at: float) -> None:
        inside = (a for a in self.open if not a or address.startswith((f"{a}/", f"{a}~", f"{a}[")))
        around = max(inside, key=len)
        rest = address.removeprefix(around)
        if rest.startswith("[") and not rest.endswith("]"):  # the first of an item
            around += rest[: rest.index("]") + 1]
            self.begin(around, 0)
        kind = "item" if address.endswith("]") else "?"
        self.open[address] = Branch(kind, address, nanoseconds(at))
        self.open[around].children.append(self.open[address])


def end(branch: Branch, at: float, status: str) -> None:
    branch.ended, branch.status = nanoseconds(at), status


def nanoseconds(at: float) -> int:
    return round(at * 1e9)


# ---------------------------------------------------------------- what the spans say
def tree_of_spans(spans: Iterable[ReadableSpan]) -> Branch:
    """Build the tree of spans, in which the children of an attempt are those of its call."""
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


def check_status(span: ReadableSpan) -> None:
    """Check that a span is marked as an error if what it shows has failed, and only then."""
    failed = branch_of(span).status == "failed"
    assert (span.status.status_code is StatusCode.ERROR) is failed
    assert ("error.type" in (span.attributes or {})) is failed


def check_attempts(log: Iterable[events.Event], spans: Iterable[ReadableSpan]) -> None:
    """Check that each call has a span per attempt, the failed ones with their error."""
    by_id = {span.context.span_id: span for span in spans}
    made: Counter[str] = Counter()
    for span in spans:
        if is_attempt(span) and span.parent is not None:
            call = by_id[span.parent.span_id]
            assert is_within(span, call)
            made[branch_of(call).call] += 1
    waits = {branch_of(span).call for span in spans if branch_of(span).kind in NO_BODY}
    status = {e.address: e.status for e in log if isinstance(e, events.StepResult)}
    for event in log:
        if isinstance(event, events.StepFinish) and event.address not in waits:
            missing = event.attempts - made[event.address]
            # An attempt may end before its body: in the queue of a limit.
            assert missing == 0 or (missing == 1 and status[event.address] != "success")


NO_BODY = ("sleep", "wait", "foreach")
