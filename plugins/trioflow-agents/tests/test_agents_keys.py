"""Keys are no part of what is kept or shown: journals, errors, logs, and what models look like."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import pytest
from trioflow_agents import (
    Agent,
    AnthropicModel,
    Model,
    ModelError,
    OpenAIModel,
    Scripted,
    history,
)

from trioflow import open_engine
from trioflow.stores import MemoryStore

from .helping import asks, weather
from .model_server import serve_replies

KEY = "sk-very-secret-0123456789"
MODELS: dict[str, Any] = {
    "chat": lambda url: OpenAIModel("m", base_url=f"{url}/v1", api_key=KEY),
    "responses": lambda url: OpenAIModel(
        "m", base_url=f"{url}/v1", api_key=lambda: KEY, api="responses"
    ),
    "anthropic": lambda url: AnthropicModel("m", base_url=url, api_key=KEY),
}
REPEATED = f"Incorrect API key provided: {KEY}"


async def all_that_is_kept(model: Model) -> str:
    """Run an agent, and return its journal and what can be shown of it."""
    store = MemoryStore()
    agent = Agent("ag", model=model, tools=[weather], retry=None)
    async with open_engine(plugins=["agents"], workflows=[agent], store=store) as engine:
        run = engine.submit("ag", "go", run_id="r")
        result = await run.wait()
        entries = [entry.text for entry in await store.read("r")]
    shown = [repr(model), str(agent), repr(agent), repr(run.record), repr(history(run))]
    if result.error is not None:
        assert isinstance(result.error, ModelError)
        shown += traceback.format_exception(result.error)
    return "\n".join([*entries, *shown, repr(result)])


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize(
    "reply",
    [
        Scripted(["one"], [asks("c1", "weather", city="Oslo")]),
        Scripted(error=ModelError(REPEATED, 401)),
        Scripted(["one"], error=ModelError("ends early")),
    ],
    ids=["replies", "refuses", "breaks off"],
)
async def test_a_key_is_kept_nowhere(
    make: Any, reply: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    replies = iter([reply, Scripted(["done"])])
    with caplog.at_level(logging.DEBUG):
        async with serve_replies(lambda _: next(replies)) as server:
            kept = await all_that_is_kept(make(server.url))
            sent = server.headers[0]

    assert any(KEY in value for value in sent.values())
    assert KEY not in kept
    assert KEY not in caplog.text
    if reply.error is not None and reply.error.status:
        assert "Incorrect API key provided: ***" in kept
