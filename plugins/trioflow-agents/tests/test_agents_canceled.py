"""Wherever a request or an agent is canceled, the connection closes and nothing is left open."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
import trio
from trioflow_agents import (
    Agent,
    AnthropicModel,
    Model,
    ModelRequest,
    OpenAIModel,
    Scripted,
    ScriptedModel,
    ToolAnswer,
)
from trioflow_agents.testing import REQUEST

from trioflow import Engine, open_engine
from trioflow.testing import check_events

from .helping import asks, weather
from .model_server import serve_replies


@pytest.fixture(autouse=True)
def only_new_objects_are_collected() -> Iterator[None]:
    """Collecting all that is imported takes long, and it is done after each cancellation."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


SHORT = Scripted(["one"], [asks("c1", "weather", city="Oslo")], piece=100)


class CancelAt(trio.abc.Instrument):
    """Cancels a scope when a task is about to take its n-th step after a mark."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.steps = 0
        self.task = trio.lowlevel.current_task()
        self.scope = trio.CancelScope()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if task is self.task:
            self.steps += 1
            if self.steps == self.number:
                self.scope.cancel()


async def read_until(number: int, model: Model) -> bool:
    """Read a reply, cancel at a checkpoint, and return whether it was canceled."""
    canceling = CancelAt(number)
    trio.lowlevel.add_instrument(canceling)
    try:
        with canceling.scope:
            async with model.stream(REQUEST) as pieces:
                async for _ in pieces:
                    pass
    finally:
        trio.lowlevel.remove_instrument(canceling)
    return canceling.scope.cancelled_caught


MODELS: dict[str, Any] = {
    "chat": lambda url: OpenAIModel("m", base_url=f"{url}/v1", api_key="k"),
    "responses": lambda url: OpenAIModel("m", base_url=f"{url}/v1", api_key="k", api="responses"),
    "anthropic": lambda url: AnthropicModel("m", base_url=url, api_key="k"),
}


@pytest.mark.slow
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
async def test_a_request_that_is_canceled_at_any_checkpoint_leaves_nothing_open(make: Any) -> None:
    async with serve_replies(SHORT) as server, make(server.url).opened() as model:
        number, was_canceled = 0, True
        while was_canceled:
            number += 1
            was_canceled = await read_until(number, model)
            gc.collect()  # what was left open is an error now
        with trio.fail_after(60):  # each reply has ended, or its connection is closed
            while len(server.disconnected_at) < sum(sent < server.whole for sent in server.sent):
                await trio.lowlevel.checkpoint()

    assert number > 5


@pytest.mark.slow
async def test_an_agent_that_is_canceled_at_any_moment_closes_its_stream() -> None:
    def reply(request: ModelRequest) -> Scripted:
        return Scripted("done") if isinstance(request.messages[-1], ToolAnswer) else SHORT

    number, events = 0, list[Any]()
    model = ScriptedModel(reply)
    agent = Agent("ag", model=model, tools=[weather])
    async with open_engine(plugins=["agents"], workflows=[agent], store="memory:") as engine:
        while len(events) >= number:
            number += 1
            events = await canceled_at(number, engine)
            check_events(events, agent)
            assert model.open_streams == 0
            gc.collect()

    assert number > 30


async def canceled_at(number: int, engine: Engine) -> list[Any]:
    """Cancel a run at an event, and return its events."""
    run = engine.create_run("ag")
    events = []
    async with run.stream("go") as stream:
        async for event in stream:
            events.append(event)
            if len(events) == number:
                run.cancel()
    return events
