"""Event logs generated from the grammar alone, without an engine."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any

import attrs
from hypothesis import strategies as st

from trioflow import events as ev

RUN_ID = "run"
Events = list[ev.Event]
"""Events; `number` sets their ``seq`` and ``at``."""

FLAGS = st.booleans()
FEW = st.integers(0, 2)
SOME = st.integers(0, 3)
TIMES = st.integers(1, 3)
LEAVES = st.sampled_from(["step", "wait"])
NODES = st.sampled_from(["step", "wait", "nested", "arms", "loop", "foreach"])
ENDS = st.sampled_from(["success", "failed", "canceled"])
SHUFFLES = st.integers(0, 999)


def number(events: Iterable[ev.Event], gap: float = 0.5) -> Events:
    """Return *events* with ``seq`` 0, 1, 2, ... and *gap* seconds between them."""
    return [attrs.evolve(event, seq=n, at=1e9 + n * gap) for n, event in enumerate(events)]


def make(event_type: type[ev.Event], **fields: Any) -> ev.Event:
    """Return an event that has no number yet."""
    return event_type(run_id=RUN_ID, seq=0, at=0.0, **fields)


@st.composite
def valid_logs(draw: st.DrawFn, max_depth: int = 3) -> Events:
    """Generate the events of a whole run, in an order that the grammar allows."""
    generator = _Generator(draw)
    start = make(ev.Start, workflow_id="w", input=None)
    nodes = generator.workflow("", "", max_depth)
    status = draw(ENDS)
    canceled = [make(ev.Canceled, reason=None)] if status == "canceled" else []
    return number([start, *nodes, *canceled, make(ev.Finish, status=status)])


@attrs.frozen
class _Generator:
    """Generates events, with one method per production of the grammar."""

    draw: st.DrawFn

    def workflow(self, frame: str, prefix: str, depth: int) -> Events:
        """Return the nodes of a workflow; *frame* and *prefix* prefix addresses and ids."""
        events: Events = []
        for position in range(self.draw(SOME)):
            events += self.node(f"{frame}{position}", prefix, f"s{position}", depth)
        return events

    def node(self, address: str, prefix: str, id: str, depth: int) -> Events:
        match self.draw(NODES if depth else LEAVES):
            case "step":
                return self.step(address, prefix + id)
            case "wait":
                return self.wait(address, prefix + id)
            case "nested":
                return self.nested(address, prefix + id, depth)
            case "arms":
                return self.arms(address, prefix, depth)
            case "loop":
                return self.loop(address, prefix + id)
        return self.foreach(address, prefix + id, depth)

    def step(self, address: str, id: str, iteration: int | None = None) -> Events:
        """Return a call with chunks, retries and tools."""
        place = {"id": id, "address": address}
        inner: Events = []
        retries = self.draw(FEW)
        for attempt in range(1, retries + 2):
            chunks = [make(ev.StepOutput, chunk=n, **place) for n in range(self.draw(FEW))]
            tools = [self.tool(place, f"{attempt}.{n}") for n in range(self.draw(FEW))]
            inner += self.interleave([chunks, *tools])
            if attempt <= retries:
                inner.append(self.retry(place, attempt))
        start = make(ev.StepStart, input=None, iteration=iteration, **place)
        return [start, *inner, *self.close(place, retries + 1)]

    def retry(self, place: dict[str, str], attempt: int) -> ev.Event:
        return make(ev.StepRetry, attempt=attempt, error=ValueError("again"), delay=0.0, **place)

    def tool(self, place: dict[str, str], call_id: str) -> Events:
        fields: dict[str, Any] = {**place, "tool_call_id": call_id, "name": "t"}
        events = [make(ev.ToolCall, args={}, **fields)]
        if self.draw(FLAGS):
            events.append(make(ev.ToolCallStreamingStart, args={}, **fields))
            pieces = range(self.draw(FEW))
            events += [make(ev.ToolCallDelta, args={}, delta=n, **fields) for n in pieces]
        if self.draw(FLAGS):
            return [*events, make(ev.ToolResult, **fields)]
        return [*events, make(ev.ToolError, status="failed", error=ValueError("no"), **fields)]

    def wait(self, address: str, id: str) -> Events:
        """Return a sleep, or a wait for an event that may arrive or not."""
        place = {"id": id, "address": address}
        name = "go" if self.draw(FLAGS) else None
        waiting = make(ev.StepWaiting, event=name, **place)
        if name is None or self.draw(FLAGS):
            return [waiting, *self.close(place, 0)]
        return [
            waiting,
            make(ev.StepStart, input=None, resumed=True, resume_data=1, **place),
            *self.close(place),
        ]

    def nested(self, address: str, id: str, depth: int) -> Events:
        """Return a nested workflow, possibly after a failed attempt."""
        place = {"id": id, "address": address}
        events = [make(ev.StepStart, input=None, kind="workflow", **place)]
        events += self.workflow(f"{address}/", f"{id}.", depth - 1)
        retried = self.draw(FLAGS)
        if retried:
            events.append(self.retry(place, 1))
            events += self.workflow(f"{address}~2/", f"{id}.", depth - 1)
        return [*events, *self.close(place, 1 + retried)]

    def arms(self, address: str, prefix: str, depth: int) -> Events:
        """Return the interleaved arms of a parallel or branch."""
        arms = []
        for arm in "abc"[: self.draw(TIMES)]:
            place = f"{address}:{arm}", f"{prefix}{arm}"
            arms.append(self.nested(*place, depth) if self.draw(FLAGS) else self.step(*place))
        return self.interleave(arms)

    def loop(self, address: str, id: str) -> Events:
        """Return one call per iteration."""
        times = range(1, self.draw(TIMES) + 1)
        return [event for n in times for event in self.step(f"{address}#{n}", id, n)]

    def foreach(self, address: str, id: str, depth: int) -> Events:
        """Return one call for all items, with interleaved inner calls."""
        place = {"id": id, "address": address}
        total = self.draw(SOME)
        of_workflows = self.draw(FLAGS)
        items = []
        for index in range(total):
            item = {"index": index, "done": 0, "total": total, **self.end_of_item()}
            frame = f"{address}[{index}]/"
            inner = self.workflow(frame, f"{id}.", depth - 1) if of_workflows else []
            items.append([*inner, make(ev.StepProgress, **item, **place)])
        start = make(ev.StepStart, input=[], kind="foreach", **place)
        return [start, *_counted(self.interleave(items), address), *self.close(place)]

    def end_of_item(self) -> dict[str, Any]:
        """Return how an item ended; a failure may be collected."""
        if self.draw(FLAGS):
            return {"status": "success", "output": 1}
        return {"status": "failed", "error": ValueError("failed"), "attempts": 1}

    def close(self, place: dict[str, str], attempts: int = 1) -> Events:
        status = self.draw(ENDS)
        # A call that fell back has an error and has succeeded.
        has_error = status == "failed" or (status == "success" and self.draw(FLAGS))
        error = ValueError("failed") if has_error else None
        return [
            make(ev.StepResult, status=status, error=error, **place),
            make(ev.StepFinish, attempts=attempts, seconds=0.0, **place),
        ]

    def interleave(self, parts: Sequence[Events]) -> Events:
        """Interleave *parts*, keeping their order and each step-finish after its step-result."""
        choose = random.Random(self.draw(SHUFFLES))
        rest = [list(reversed(part)) for part in parts if part]
        mixed: Events = []
        while rest:
            part = choose.choice(rest)
            mixed.append(part.pop())
            if isinstance(mixed[-1], ev.StepResult):
                mixed.append(part.pop())
            rest = [part for part in rest if part]
        return mixed


def _counted(events: Events, address: str) -> Events:
    """Number the progress of the foreach at *address*."""
    done = 0
    for position, event in enumerate(events):
        if isinstance(event, ev.StepProgress) and event.address == address:
            done += 1
            events[position] = attrs.evolve(event, done=done)
    return events
