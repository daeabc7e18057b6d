"""Of runs that wait and go on in one engine after the other, each part is a tree of its own."""

from __future__ import annotations

from typing import Any

import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.sdk.trace import ReadableSpan
from trio.testing import MockClock

from trioflow import Retry, StepContext, Workflow, events, open_engine, step
from trioflow.stores import MemoryStore

from .traces import Traces
from .trees import TreeOfEvents, branch_of, tree_of_spans

Flow = Workflow[Any, Any]


@step(retry=Retry(attempts=2, delay=0.5))
async def ask(value: Any, ctx: StepContext) -> Any:
    """Take some time, fail once, and wait for an answer."""
    await trio.sleep(0.25)
    if ctx.attempt == 1:
        raise OSError
    if ctx.resume_data is None:
        ctx.suspend()
    return value


@step
async def add(value: Any) -> Any:
    await trio.sleep(1)
    return value


def then_ask(flow: Flow, id: str) -> Flow:
    return flow.then(ask.clone(id))


def then_add(flow: Flow, id: str) -> Flow:
    return flow.then(add.clone(id))


def both(flow: Flow, id: str) -> Flow:
    return flow.parallel(ask.clone(f"{id}a"), add.clone(f"{id}b")).map(lambda _: 1, id=f"{id}m")


def two_questions(flow: Flow, id: str) -> Flow:
    arms = flow.parallel(ask.clone(f"{id}a"), ask.clone(f"{id}b"))
    return arms.map(lambda _: 1, id=f"{id}m")


def each(flow: Flow, id: str) -> Flow:
    items = flow.map(lambda _: [1, 2, 3], id=f"{id}l")
    return items.foreach(ask.clone(id), concurrency=2).map(lambda _: 1, id=f"{id}m")


def each_workflow(flow: Flow, id: str) -> Flow:
    inner = Flow(id).then(add).then(ask)
    items = flow.map(lambda _: [1, 2], id=f"{id}l").foreach(inner, concurrency=2)
    return items.map(lambda _: 1, id=f"{id}m")


def nested(flow: Flow, id: str) -> Flow:
    return flow.then(Flow(id).then(add).then(ask).then(add.clone("last")))


def looped(flow: Flow, id: str) -> Flow:
    return flow.dountil(ask.clone(id), lambda _, ctx: (ctx.iteration or 0) >= 2)


NODES = [then_ask, then_add, both, two_questions, each, each_workflow, nested, looped]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from(NODES), min_size=1, max_size=4))
def test_each_part_is_the_tree_of_its_calls_and_is_linked(nodes: list[Any]) -> None:
    flow = Flow("w")
    for position, node in enumerate(nodes):
        flow = node(flow, f"n{position}")
    traces = Traces()

    parts = trio.run(run_in_parts, flow, traces, clock=MockClock(autojump_threshold=0))

    trees = spans_by_part(traces)
    assert len(trees) == len(parts)
    before: ReadableSpan | None = None
    for log, (root, spans) in zip(parts, trees, strict=True):
        assert tree_of_spans(spans).normal() == TreeOfEvents().build(log).normal()
        linked = [link.context.span_id for link in root.links]
        assert linked == ([] if before is None else [before.context.span_id])
        before = root
    assert before is not None
    assert branch_of(before).status == "success"
    assert (len(parts) == 1) is (set(nodes) == {then_add})
    assert len({span.context.trace_id for span in traces.spans}) == 1


async def run_in_parts(flow: Flow, traces: Traces) -> list[list[events.Event]]:
    """Run a workflow to its end, each part in an engine of its own; return their events."""
    store = MemoryStore()
    parts: list[list[events.Event]] = []
    while not parts or not has_ended(parts[-1]):
        async with open_engine(plugins=[traces.plugin], store=store, workflows=[flow]) as engine:
            if not parts:
                opened = engine.create_run(flow, run_id="r").stream(1)
            else:
                run = await engine.load_run("r")
                waiting = (await run.wait()).suspended
                opened = run.resume_stream(1, step=waiting[0])
            async with opened as stream:
                parts.append([event async for event in stream])
    return parts


def has_ended(log: list[events.Event]) -> bool:
    return isinstance(log[-1], events.Finish) and log[-1].status != "suspended"


def spans_by_part(traces: Traces) -> list[tuple[ReadableSpan, list[ReadableSpan]]]:
    """Return the root of each part with all spans of its tree, in the order of time."""
    by_id = {span.context.span_id: span for span in traces.spans}
    found: dict[int, list[ReadableSpan]] = {}
    for span in traces.spans:
        root = span
        while root.parent is not None:
            root = by_id[root.parent.span_id]
        found.setdefault(root.context.span_id, []).append(span)
    roots = sorted((by_id[id] for id in found), key=lambda span: span.start_time or 0)
    return [(root, found[root.context.span_id]) for root in roots]
