"""What language models have used in a run, as a plugin counts it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from trioflow import RunRecord, StepContext, Workflow, hookimpl, open_engine, step
from trioflow import events as ev
from trioflow.wire import from_wire, to_wire


@step
async def keeps(value: int, ctx: StepContext) -> int:
    ctx.set_private_state("counter", {"tokens": value})
    return value


def counting(count: Callable[[RunRecord], Any]) -> Any:
    """Return a plugin that counts."""

    @hookimpl
    def trioflow_usage(record: RunRecord) -> Any:
        return count(record)

    return SimpleNamespace(trioflow_usage=trioflow_usage)


async def finish_of(workflow: Workflow[int, Any], count: Callable[[RunRecord], Any]) -> ev.Finish:
    async with open_engine(plugins=[counting(count)], store="memory:") as engine:
        run = engine.submit(workflow, 3)
        await run.wait()
        async with run.observe() as observer:
            *_, last = [event async for event in observer]
    assert isinstance(last, ev.Finish)
    assert run.record.usage == last.usage
    return last


def tokens(record: RunRecord) -> dict[str, Any]:
    return {"inputTokens": record.private["counter"]["tokens"], "cost": 0.5}


FLOW = Workflow("flow", input=int).then(keeps)


async def test_the_last_event_says_what_was_used() -> None:
    last = await finish_of(FLOW, tokens)

    assert last.usage == {"inputTokens": 3, "cost": 0.5}
    usage = to_wire(last, "mastra-1")["payload"]["output"]["usage"]
    assert usage.items() >= {"inputTokens": 3, "outputTokens": 0, "cost": 0.5}.items()
    for dialect in ("mastra-1", "mastra-0.18"):
        assert from_wire(to_wire(last, dialect)) == last


async def test_a_run_that_fails_says_it_as_well() -> None:
    @step
    async def fails(value: int) -> int:
        raise ValueError("no")

    last = await finish_of(FLOW.then(fails), tokens)

    assert (last.status, last.usage) == ("failed", {"inputTokens": 3, "cost": 0.5})


async def test_without_private_state_nothing_is_counted() -> None:
    @step
    async def plain(value: int) -> int:
        return value

    def count(record: RunRecord) -> Any:
        raise AssertionError("called")

    assert (await finish_of(Workflow("flow", input=int).then(plain), count)).usage is None


@pytest.mark.parametrize("used", [None, {}, {"inputTokens": "3"}, {"cost": float("nan")}])
async def test_only_numbers_count(used: Any) -> None:
    assert (await finish_of(FLOW, lambda record: used)).usage is None


async def test_a_plugin_that_raises_ends_no_run(caplog: pytest.LogCaptureFixture) -> None:
    def count(record: RunRecord) -> Any:
        raise ValueError("broken")

    with caplog.at_level(logging.ERROR, "trioflow"):
        last = await finish_of(FLOW, count)

    assert (last.status, last.usage) == ("success", None)
    assert "was not counted" in caplog.text
