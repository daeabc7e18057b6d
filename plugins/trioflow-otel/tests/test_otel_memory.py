"""What is kept of runs that are over, or wait: nothing."""

from __future__ import annotations

import gc
from typing import Any

import trio
import trio.testing
from trioflow_otel import OpenTelemetry
from trioflow_otel.calls import OpenSpan
from trioflow_otel.metering import MeteredRun
from trioflow_otel.part import Part
from trioflow_otel.tracing import Beginning

from trioflow import StepContext, Workflow, open_engine, step, tool

from .traces import Measures, Traces

Flow = Workflow[Any, Any]


@tool
async def look_up(word: str) -> int:
    return len(word)


@step
async def use(value: Any, ctx: StepContext) -> Any:
    return await ctx.call_tool(look_up, word="word")


@step
async def fail(value: Any) -> None:
    raise ValueError


@step
async def hang(value: Any) -> None:
    await trio.sleep_forever()


@step
async def ask(value: Any, ctx: StepContext) -> Any:
    if ctx.resume_data is None:
        ctx.suspend()
    return ctx.resume_data


def kept() -> list[object]:
    gc.collect()
    kinds = (Part, OpenSpan, Beginning, MeteredRun)
    return [found for found in gc.get_objects() if isinstance(found, kinds)]


async def test_nothing_is_kept_of_runs_that_are_over_or_wait(
    traces: Traces, measures: Measures
) -> None:
    plugin = OpenTelemetry(traces.provider, measures.provider)
    async with open_engine(plugins=[plugin]) as engine:
        runs = [engine.submit(Flow("w").then(body), 1) for body in (use, fail, ask)]
        runs += [engine.submit(Flow("w").foreach(use, concurrency=2), [1, 2, 3])]
        for run in runs:
            await run.wait()
        assert kept() == []

        canceled = engine.submit(Flow("w").then(hang), 1)
        await trio.testing.wait_all_tasks_blocked()
        assert kept() != []
        canceled.cancel()
        await canceled.wait()
        assert kept() == []

        await runs[2].resume(1)
        assert kept() == []
