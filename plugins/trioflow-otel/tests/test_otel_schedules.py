"""What spans and metrics say about the ticks of schedules."""

from __future__ import annotations

import pytest
import trio

from trioflow import Every, Schedule, Workflow, open_engine, step
from trioflow.testing import VirtualClock

from .traces import Measures, Traces


@step
async def nap(value: float) -> float:
    await trio.sleep(value)
    return value


FLOW = Workflow("naps", input=float, output=float).then(nap)


async def test_a_run_is_inside_the_span_of_its_tick(
    traces: Traces, virtual_clock: VirtualClock
) -> None:
    schedule = Schedule("hourly", FLOW, Every(hours=1), 1.0)
    async with open_engine(
        plugins=[traces.plugin], workflows=[FLOW], schedules=[schedule], schedule=True
    ):
        await trio.sleep(3700)

    spans = {span.name: span for span in traces.spans}
    tick, run = spans["schedule hourly"], spans["run naps"]
    assert run.parent is not None
    assert tick.context is not None
    assert run.parent.span_id == tick.context.span_id
    assert (tick.attributes or {})["trioflow.schedule.id"] == "hourly"
    assert tick.start_time is not None
    assert tick.start_time % (3600 * 10**9) == 0


async def test_ticks_are_counted_by_decision(
    measures: Measures, virtual_clock: VirtualClock
) -> None:
    """No metric told of missed ones elsewhere: temporalio/temporal#10503."""
    schedule = Schedule("hourly", FLOW, Every(hours=1), 5000.0)
    async with open_engine(
        plugins=[measures.plugin], workflows=[FLOW], schedules=[schedule], schedule=True
    ):
        await trio.sleep(2 * 3600 + 10)
        found = {
            about["decision"]: total
            for about, total, _ in measures.points("trioflow.schedule.ticks")
        }
        [(_, lag, count)] = measures.points("trioflow.schedule.lag")

    assert found == {"started": 1, "skipped": 1}
    assert lag == pytest.approx(0, abs=0.1)
    assert count == 1
