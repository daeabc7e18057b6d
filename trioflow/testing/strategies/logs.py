"""Event logs made from the grammar alone, without an engine."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any

import attrs
from hypothesis import strategies as st

from trioflow import events as ev

RUN_ID = "run"
Events = list[ev.Event]
"""Events that `number` has still to give their ``seq`` and ``at``."""


def number(events: Iterable[ev.Event], gap: float = 0.5) -> Events:
    """Return *events* with ``seq`` 0, 1, 2, ... and *gap* seconds between them."""
    return [attrs.evolve(event, seq=n, at=1e9 + n * gap) for n, event in enumerate(events)]


def make(event_type: type[ev.Event], **fields: Any) -> ev.Event:
    """Return an event that has no number yet."""
    return event_type(run_id=RUN_ID, seq=0, at=0.0, **fields)


@st.composite
def event_logs(draw: st.DrawFn, max_depth: int = 3) -> Events:
    """Generate the events of a whole run, in an order that the grammar allows."""
    start = make(ev.Start, workflow_id="w", input=draw(st.integers()))
    body = draw(_frames("", "", max_depth))
    status = draw(st.sampled_from(["success", "failed", "canceled"]))
    canceled = [make(ev.Canceled, reason=None)] if status == "canceled" else []
    return number([start, *body, *canceled, make(ev.Finish, status=status)])


# ---------------------------------------------------------------- the grammar's productions
@st.composite
def _frames(draw: st.DrawFn, frame: str, prefix: str, depth: int) -> Events:
    """The nodes of one workflow."""
    events: Events = []
    for position in range(draw(st.integers(0, 3))):
        address = f"{frame}{position}"
        events += draw(_nodes(address, f"{prefix}s{position}", depth))
    return events


def _nodes(address: str, id: str, depth: int) -> st.SearchStrategy[Events]:
    leaves = [_steps(address, id), _waits(address, id)]
    if depth == 0:
        return st.one_of(leaves)
    return st.one_of(
        *leaves,
        _nested(address, id, depth),
        _arms(address, id, depth),
        _loops(address, id),
        _foreach(address, id, depth),
    )


@st.composite
def _steps(draw: st.DrawFn, address: str, id: str, iteration: int | None = None) -> Events:
    """A call with chunks, retries and tools."""
    place = {"id": id, "address": address}
    inner: Events = []
    retries = draw(st.integers(0, 2))
    for attempt in range(1, retries + 2):
        chunks = [make(ev.StepOutput, chunk=n, **place) for n in range(draw(st.integers(0, 2)))]
        tools = [_tool(draw, place, f"{attempt}.{n}") for n in range(draw(st.integers(0, 2)))]
        inner += _interleave(draw, [chunks, *tools])
        if attempt <= retries:
            error = ValueError("again")
            inner.append(make(ev.StepRetry, attempt=attempt, error=error, delay=0.0, **place))
    start = make(ev.StepStart, input=None, iteration=iteration, **place)
    return [start, *inner, *_close(draw, place, retries + 1)]


def _tool(draw: st.DrawFn, place: dict[str, str], call_id: str) -> Events:
    fields: dict[str, Any] = {**place, "tool_call_id": call_id, "name": "t"}
    events = [make(ev.ToolCall, args={}, **fields)]
    if draw(st.booleans()):
        events.append(make(ev.ToolCallStreamingStart, args={}, **fields))
        pieces = range(draw(st.integers(0, 2)))
        events += [make(ev.ToolCallDelta, args={}, delta=n, **fields) for n in pieces]
    if draw(st.booleans()):
        return [*events, make(ev.ToolResult, **fields)]
    return [*events, make(ev.ToolError, status="failed", error=ValueError("no"), **fields)]


@st.composite
def _waits(draw: st.DrawFn, address: str, id: str) -> Events:
    """A sleep, or a wait whose event comes or not."""
    place = {"id": id, "address": address}
    name = draw(st.sampled_from([None, "go"]))
    waiting = make(ev.StepWaiting, event=name, **place)
    if name is None or draw(st.booleans()):
        return [waiting, *_close(draw, place, 0)]
    return [waiting, make(ev.StepStart, input=None, resume_data=1, **place), *_close(draw, place)]


@st.composite
def _nested(draw: st.DrawFn, address: str, id: str, depth: int) -> Events:
    """A nested workflow, perhaps after an attempt that failed."""
    place = {"id": id, "address": address}
    events = [make(ev.StepStart, input=None, kind="workflow", **place)]
    retried = draw(st.booleans())
    events += draw(_frames(f"{address}/", f"{id}.", depth - 1))
    if retried:
        error = ValueError("again")
        events.append(make(ev.StepRetry, attempt=1, error=error, delay=0.0, **place))
        events += draw(_frames(f"{address}~2/", f"{id}.", depth - 1))
    return [*events, *_close(draw, place, 1 + retried)]


@st.composite
def _arms(draw: st.DrawFn, address: str, id: str, depth: int) -> Events:
    """The arms of a parallel or branch, side by side."""
    prefix = id[: id.rindex("s")]
    arms = [
        draw(_arm(f"{address}:{arm}", f"{prefix}{arm}", depth))
        for arm in "abc"[: draw(st.integers(1, 3))]
    ]
    return _interleave(draw, arms)


def _arm(address: str, id: str, depth: int) -> st.SearchStrategy[Events]:
    return st.one_of(_steps(address, id), _nested(address, id, depth))


@st.composite
def _loops(draw: st.DrawFn, address: str, id: str) -> Events:
    """One call per iteration."""
    events: Events = []
    for iteration in range(1, draw(st.integers(1, 3)) + 1):
        events += draw(_steps(f"{address}#{iteration}", id, iteration))
    return events


@st.composite
def _foreach(draw: st.DrawFn, address: str, id: str, depth: int) -> Events:
    """One call for all items, whose inner calls are side by side."""
    place = {"id": id, "address": address}
    total = draw(st.integers(0, 3))
    inner = draw(st.booleans())
    items = [
        [
            *(draw(_frames(f"{address}[{index}]/", f"{id}.", depth - 1)) if inner else []),
            make(ev.StepProgress, index=index, done=0, total=total, status="success", **place),
        ]
        for index in range(total)
    ]
    start = make(ev.StepStart, input=[], kind="foreach", **place)
    return [start, *_count(_interleave(draw, items), address), *_close(draw, place)]


def _count(events: Events, address: str) -> Events:
    """Number the progress of the foreach at *address*."""
    done = 0
    for position, event in enumerate(events):
        if isinstance(event, ev.StepProgress) and event.address == address:
            done += 1
            events[position] = attrs.evolve(event, done=done)
    return events


def _close(draw: st.DrawFn, place: dict[str, str], attempts: int = 1) -> Events:
    status = draw(st.sampled_from(["success", "failed", "canceled"]))
    error = ValueError("failed") if status == "failed" else None
    return [
        make(ev.StepResult, status=status, error=error, **place),
        make(ev.StepFinish, attempts=attempts, seconds=0.0, **place),
    ]


def _interleave(draw: st.DrawFn, parts: Sequence[Events]) -> Events:
    """Mix *parts*, each in its own order, a step-finish directly after its step-result."""
    choose = random.Random(draw(st.integers(0, 999)))
    rest = [list(reversed(part)) for part in parts if part]
    mixed: Events = []
    while rest:
        part = choose.choice(rest)
        mixed.append(part.pop())
        if isinstance(mixed[-1], ev.StepResult):
            mixed.append(part.pop())
        rest = [part for part in rest if part]
    return mixed
