"""The models of providers, with their own clients, against a server on a real socket."""

from __future__ import annotations

import gc
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.lowlevel
from attrs import evolve, frozen
from trioflow_agents import (
    Agent,
    Assistant,
    File,
    Image,
    Model,
    ModelError,
    ModelRequest,
    Scripted,
    Text,
    ToolAnswer,
    ToolRequest,
    User,
    history,
)
from trioflow_agents.anthropic_model import AnthropicModel
from trioflow_agents.faults import retry_after
from trioflow_agents.openai_model import OpenAIModel
from trioflow_agents.testing import REQUEST, check_model, read_all

from trioflow import events as ev
from trioflow import open_engine

from .helping import asks, weather
from .model_server import serve_replies

PATIENCE = 5.0
"""Seconds: the machine may be busy, and what does not close does not close at all."""


def chat_model(url: str, **options: Any) -> Model:
    return OpenAIModel("m", base_url=f"{url}/v1", **{"api_key": "key", **options})


def responses_model(url: str, **options: Any) -> Model:
    return chat_model(url, api="responses", **options)


def anthropic_model(url: str, **options: Any) -> Model:
    return AnthropicModel("m", base_url=url, **{"api_key": "key", **options})


MODELS = [chat_model, responses_model, anthropic_model]
each_model = pytest.mark.parametrize("make", MODELS)
MakeModel = Callable[..., Model]


@each_model
async def test_a_model_keeps_the_contract(make: MakeModel) -> None:
    @asynccontextmanager
    async def open_model(reply: Scripted) -> AsyncIterator[Model]:
        async with serve_replies(reply) as server, make(server.url).opened() as model:
            yield model

    await check_model(open_model, closes_within=PATIENCE)


@each_model
async def test_an_agent_calls_tools(make: MakeModel) -> None:
    first = Scripted("let me look", [asks("c1", "weather", city="Oslo")], piece=1)

    def reply(request: dict[str, Any]) -> Scripted:
        return first if len(server.requests) == 1 else Scripted(["It ", "rains."])

    async with serve_replies(reply) as server:
        agent = Agent("ag", model=make(server.url), tools=[weather], instructions="Be brief.")
        async with open_engine(plugins=["agents"], workflows=[agent]) as engine:
            run = engine.submit("ag", "How is Oslo?")
            result = await run.wait()

    assert result.output == "It rains."
    assert history(run)[2:4] == (
        Assistant("let me look", [asks("c1", "weather", city="Oslo")]),
        ToolAnswer("c1", "weather", "rain in Oslo"),
    )
    assert len(server.requests) == 2
    gc.collect()  # what was left open is an error now


@each_model
async def test_the_server_sees_a_canceled_run_go(make: MakeModel) -> None:
    async with serve_replies(Scripted(["a"] * 1000, pause=0.01)) as server:
        run = Agent("ag", model=make(server.url)).create_run()
        async with run.stream("go") as stream:
            async for event in stream:
                if isinstance(event, ev.ToolCallDelta):
                    run.cancel()
            result = await stream.get_workflow_state()
        with trio.fail_after(PATIENCE):
            while not server.disconnected_at:
                await trio.lowlevel.checkpoint()

    assert result.status == "canceled"
    assert server.sent[0] < 1000


@each_model
async def test_a_reply_that_ends_early_is_no_reply(make: MakeModel) -> None:
    cut = Scripted(["one ", "two"], error=ModelError("cut"))
    async with serve_replies(cut) as server, make(server.url).opened() as model:
        with pytest.raises(ModelError, match="ended early") as caught:
            await read_all(model)

    assert caught.value.retryable


@each_model
async def test_a_server_that_is_away_may_come_back(make: MakeModel) -> None:
    async with serve_replies(Scripted("a")) as server:
        url = server.url
    with pytest.raises(ModelError, match="the connection failed") as caught:
        await read_all(make(url))

    assert caught.value.retryable


@each_model
async def test_faults_say_what_the_provider_said(make: MakeModel) -> None:
    error = ModelError("too long", 400, "context_length_exceeded")
    async with serve_replies(Scripted(error=error)) as server:
        with pytest.raises(ModelError) as caught:
            await read_all(make(server.url))

    assert (caught.value.problem, caught.value.code, caught.value.request_id) == (
        "too long",
        "context_length_exceeded",
        "req-1",
    )


@each_model
async def test_the_key_comes_from_a_function_and_is_not_shown(make: MakeModel) -> None:
    async with serve_replies(Scripted("a")) as server:
        model = make(server.url, api_key=lambda: "secret-key")
        await read_all(model)

    [headers] = server.headers
    assert "secret-key" in headers.get("authorization", "") + headers.get("x-api-key", "")
    assert "secret" not in repr(model)


@each_model
async def test_without_a_key_it_is_said_what_to_set(
    make: MakeModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ModelError, match=r"there is no key; set .*_API_KEY"):
        await read_all(make("http://127.0.0.1:9", api_key=None))


async def asked(make: MakeModel, request: ModelRequest, **options: Any) -> dict[str, Any]:
    """Return what the server gets for a request."""
    async with (
        serve_replies(Scripted("a")) as server,
        make(server.url, **options).stream(request) as pieces,
    ):
        assert await anext(pieces) == "a"
    return server.requests[0]


PARTS = ModelRequest(
    (
        User(
            [
                Text("see"),
                Image("http://x/a.png"),
                Image(data=b"png"),
                File("a.pdf", b"pdf"),
            ]
        ),
        Assistant("well", [ToolRequest("c1", "t", "no json"), ToolRequest("c2", "t", "[1]")]),
        ToolAnswer("c1", "t", "bad", is_error=True),
        ToolAnswer("c2", "t", "good"),
        User("so?"),
    )
)


async def test_messages_of_chat_completions() -> None:
    request = await asked(chat_model, evolve(PARTS, output_schema={"type": "object"}), seed=1)

    assert request["seed"] == 1
    assert request["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert request["messages"] == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "see"},
                {"type": "image_url", "image_url": {"url": "http://x/a.png"}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,cG5n"}},
                {
                    "type": "file",
                    "file": {
                        "filename": "a.pdf",
                        "file_data": "data:application/pdf;base64,cGRm",
                    },
                },
            ],
        },
        {
            "role": "assistant",
            "content": "well",
            "tool_calls": [
                {"id": id, "type": "function", "function": {"name": "t", "arguments": text}}
                for id, text in (("c1", "no json"), ("c2", "[1]"))
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "error: bad"},
        {"role": "tool", "tool_call_id": "c2", "content": "good"},
        {"role": "user", "content": "so?"},
    ]


async def test_items_of_responses() -> None:
    request = await asked(responses_model, evolve(PARTS, output_schema={"type": "object"}))

    assert request["text"]["format"]["schema"] == {"type": "object"}
    assert request["input"][0]["content"] == [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": "http://x/a.png"},
        {"type": "input_image", "image_url": "data:image/png;base64,cG5n"},
        {
            "type": "input_file",
            "filename": "a.pdf",
            "file_data": "data:application/pdf;base64,cGRm",
        },
    ]
    assert request["input"][1:] == [
        {"role": "assistant", "content": "well"},
        {"type": "function_call", "call_id": "c1", "name": "t", "arguments": "no json"},
        {"type": "function_call", "call_id": "c2", "name": "t", "arguments": "[1]"},
        {"type": "function_call_output", "call_id": "c1", "output": "error: bad"},
        {"type": "function_call_output", "call_id": "c2", "output": "good"},
        {"role": "user", "content": "so?"},
    ]


async def test_messages_of_anthropic() -> None:
    request = await asked(anthropic_model, PARTS)

    said, called, answered = request["messages"]
    assert [part["type"] for part in said["content"]] == ["text", "image", "image", "document"]
    assert called["content"][1:] == [
        {"type": "tool_use", "id": "c1", "name": "t", "input": {}},
        {"type": "tool_use", "id": "c2", "name": "t", "input": {}},
    ]
    assert [part["type"] for part in answered["content"]] == ["tool_result", "tool_result", "text"]
    assert answered["content"][0]["is_error"] is True
    assert "system" not in request
    assert (await asked(anthropic_model, REQUEST))["system"] == "Be brief."


@pytest.mark.parametrize("text", ["", " \n\n"])
async def test_anthropic_is_not_sent_a_text_that_it_refuses(text: str) -> None:
    call = ToolRequest("c", "t", "{}")
    said = (User("go"), Assistant(text), User("again"), Assistant(text, [call]))
    request = await asked(anthropic_model, ModelRequest((*said, ToolAnswer("c", "t", "7"))))

    first, called, answered = request["messages"]
    assert [part["text"] for part in first["content"]] == ["go", "again"]
    assert [part["type"] for part in called["content"]] == ["tool_use"]
    assert [part["type"] for part in answered["content"]] == ["tool_result"]


@frozen
class City:
    name: str


@each_model
async def test_an_output_of_a_type(make: MakeModel) -> None:
    def reply(request: dict[str, Any]) -> Scripted:
        if make is anthropic_model:
            return Scripted(calls=[asks("c", "final_answer", name="Oslo")])
        return Scripted('{"name": "Oslo"}')

    async with serve_replies(reply) as server:
        result = await Agent("ag", model=make(server.url), output=City).run("go")

    assert result == City("Oslo")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "3", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
    ],
)
def test_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_there_are_two_interfaces_of_openai() -> None:
    with pytest.raises(ValueError, match="api must be one of chat, responses, not 'x'"):
        OpenAIModel("m", api="x")  # type: ignore[arg-type]


def test_models_with_a_client_are_there_without_being_imported() -> None:
    import trioflow_agents

    assert trioflow_agents.OpenAIModel is OpenAIModel
    assert trioflow_agents.AnthropicModel is AnthropicModel
    with pytest.raises(AttributeError, match="no attribute 'OtherModel'"):
        _ = trioflow_agents.OtherModel  # type: ignore[attr-defined]


def test_a_missing_client_is_said_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openai", None)
    monkeypatch.delitem(sys.modules, "trioflow_agents.openai_model")
    import trioflow_agents

    with pytest.raises(ImportError, match=r"pip install 'trioflow-agents\[openai\]'"):
        _ = trioflow_agents.OpenAIModel
