"""The spans of any run are the tree of its calls, as its events tell of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

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
from .trees import TreeOfEvents, branch_of, is_attempt, is_within, tree_of_spans

ANSWERS = {"go": 1, "late": 2}
CANCELS = st.none() | st.sampled_from([1 / 16, 5 / 16, 17 / 16, 81 / 16])
"""When somebody cancels the run, in seconds; at a moment when nothing else happens."""


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
