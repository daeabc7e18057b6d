"""Generated workflows whose steps ask: once all is answered, every run comes to its end."""

from __future__ import annotations

from typing import Any

import trio
from hypothesis import given, settings
from trio.testing import MockClock

from trioflow import Workflow, events, open_engine
from trioflow._engine.history.suspensions import suspensions
from trioflow.testing import check_events
from trioflow.testing.strategies import inputs, workflows
from trioflow.testing.strategies._workflows import Taste

ASKING = Taste(limits=False, cancels=False, events=("never",), asks=True, depth=2, calls=8)
MOST = 60
"""How many answers a run gets."""


async def _answered(flow: Workflow[Any, Any], value: Any) -> list[events.Event]:
    """Run a workflow, answer all that it asks, and return its events."""
    async with open_engine(plugins=[]) as engine:
        run = engine.submit(flow, value)
        await run.wait()
        for number in range(MOST):
            if run.status != "suspended":
                break
            first = suspensions(run.record)[0]
            await run.resume(number, step=first.path, label=first.label, index=first.index)
        return list(run._life.core.log.history())


@settings(max_examples=40)
@given(workflows(ASKING), inputs())
def test_a_run_whose_questions_are_answered_comes_to_its_end(
    flow: Workflow[Any, Any], value: Any
) -> None:
    recorded = trio.run(_answered, flow, value, clock=MockClock(autojump_threshold=0))

    check_events(recorded, flow)
    last = recorded[-1]
    assert isinstance(last, events.Finish)
    assert last.status in ("success", "failed")
