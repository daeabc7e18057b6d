"""What a server sends without an end is not read, kept, recorded or shown whole."""

from __future__ import annotations

import gc
import json
import traceback
from itertools import repeat
from typing import Any

import openai
import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from trioflow_agents import Agent, ModelError, sse
from trioflow_agents.errors import LONGEST
from trioflow_agents.faults import hiding, retry_after, status_error
from trioflow_agents.openai_model import OpenAIModel
from trioflow_agents.testing import read_all

from trioflow import open_engine
from trioflow.stores import MemoryStore
from trioflow.wire import to_wire

from .helping import run_agent
from .raw_model_server import CHUNK, head, serve_bytes
from .test_agents_models import MODELS, MakeModel, chat_model, each_model

BUFFERS = 16 * 1024 * 1024
"""Most bytes that the sockets of both sides hold beside what is read."""
PAGE = 100 * 1024 * 1024
PIECE = b"<p>overloaded</p>" * (CHUNK // 17)


async def fault_of(model: Any) -> ModelError:
    with pytest.raises(ModelError) as caught:
        await read_all(model)
    gc.collect()  # what was left open is an error now
    return caught.value


@pytest.mark.parametrize(
    ("make", "status"),
    [*((make, 503) for make in MODELS), *((chat_model, status) for status in (302, 400, 429))],
)
async def test_a_long_page_is_not_read(make: MakeModel, status: int) -> None:
    body = repeat(PIECE, PAGE // len(PIECE))
    async with serve_bytes(head(status, "content-type: text/html"), body) as server:
        error = await fault_of(make(server.url))

    assert server.sent < BUFFERS
    assert error.status == status
    assert error.retryable is (status in (429, 503))
    assert len(error.problem) <= LONGEST
    assert len("".join(traceback.format_exception(error))) < 20_000


async def test_a_compressed_page_is_not_unpacked() -> None:
    headers = ("content-type: text/html", "content-encoding: gzip")
    async with serve_bytes(head(502, *headers), [b"\x1f\x8b no gzip"]) as server:
        error = await fault_of(chat_model(server.url))

    assert (error.status, error.problem) == (502, "HTTP status 502")


@each_model
async def test_a_page_that_is_cut_off_is_a_lost_connection(make: MakeModel) -> None:
    async with serve_bytes(head(500, "content-length: 1000"), [b"<p>"]) as server:
        error = await fault_of(make(server.url))

    assert (error.status, error.retryable) == (None, True)
    assert "the connection failed" in str(error)


@each_model
async def test_a_redirect_is_followed(make: MakeModel) -> None:
    async with serve_bytes(head(400), [b'{"error": {"message": "here"}}']) as target:
        to = f"location: {target.url}/v1/elsewhere"
        async with serve_bytes(head(307, to), [b"moved"]) as server:
            error = await fault_of(make(server.url))

    assert error.problem == "here"


@pytest.mark.parametrize(
    "body",
    [repeat(b"data: " + b"x" * CHUNK), repeat(b'{"a": "' + b"x" * CHUNK), repeat(b":\n" * CHUNK)],
    ids=["a line", "a body that is no stream", "comments"],
)
async def test_a_reply_without_end_is_not_read(body: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "LARGEST", 1_000_000)
    async with serve_bytes(head(200, "content-type: text/event-stream"), body) as server:
        error = await fault_of(chat_model(server.url))

    assert "more than 1,000,000 bytes" in str(error)
    assert server.sent < 1_000_000 + BUFFERS


async def test_the_bound_of_a_reply_holds_for_a_line_of_a_gigabyte() -> None:
    body = repeat(b"x" * CHUNK, 2**30 // CHUNK)
    async with serve_bytes(head(200), [b"data: ", *body]) as server:
        error = await fault_of(chat_model(server.url))

    assert "more than" in str(error)
    assert server.sent < sse.LARGEST + BUFFERS


@each_model
async def test_a_page_in_place_of_a_reply_is_named(make: MakeModel) -> None:
    async with serve_bytes(head(200), [b"\n<html>\n", *repeat(PIECE, 10)]) as server:
        error = await fault_of(make(server.url))

    assert error.problem == "the reply is a page and no events: '<html>'"


@each_model
async def test_an_error_without_a_status_is_told(make: MakeModel) -> None:
    told = json.dumps({"type": "error", "error": {"message": "no", "code": "odd"}}, indent=1)
    async with serve_bytes(head(200, "content-type: application/json"), [told.encode()]) as server:
        error = await fault_of(make(server.url))

    assert (error.problem, error.code) == ("no", "odd")


async def test_a_reply_of_a_server_that_does_not_stream() -> None:
    call = {"id": "c", "function": {"name": "add", "arguments": "{}"}}
    message = {"role": "assistant", "content": "one", "tool_calls": [call]}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    whole = {"id": "r", "choices": [choice], "usage": {"prompt_tokens": 2}}
    async with serve_bytes(head(200), [json.dumps(whole).encode()]) as server:
        text, called, usage, end = await read_all(chat_model(server.url))

    assert (text, called.name, called.delta) == ("one", "add", "{}")  # type: ignore[union-attr]
    assert (usage.input_tokens, end.reason) == (2, "tool_calls")  # type: ignore[union-attr]


async def test_the_journal_and_events_hold_the_beginning_of_a_page() -> None:
    store = MemoryStore()
    async with serve_bytes(head(400), repeat(PIECE, PAGE // len(PIECE))) as server:
        agent = Agent("ag", model=chat_model(server.url))
        result, run, events = await run_agent(agent, store=store)
        assert server.sent < BUFFERS
    async with open_engine(plugins=["agents"], workflows=[agent], store=store) as engine:
        loaded = (await engine.load_run(run.run_id)).record
        async with engine.observe(run.run_id) as stream:
            stored = [event async for event in stream]

    assert result.status == "failed"
    for event in (*events, *stored):
        assert len(json.dumps(to_wire(event))) < 20_000
    assert str(loaded.error) == str(result.error)


@pytest.mark.parametrize("text", ["", "a", "a" * LONGEST, "a" * (LONGEST + 1), "ab" * LONGEST])
def test_what_is_kept_does_not_change_again(text: str) -> None:
    error = ModelError(text, code=text, request_id=text)

    assert len(error.problem) <= LONGEST
    assert evolve(error).problem == error.problem == error.args[0] == error.code == error.request_id
    assert error.problem[:1] == text[:1]


@given(st.integers(LONGEST - 80, LONGEST + 20), st.integers(8, 60))
def test_a_key_is_hidden_also_where_a_page_is_cut(before: int, length: int) -> None:
    key = ("kxq7" * 20)[:length]
    with pytest.raises(ModelError) as caught, hiding(key):
        raise status_error(500, "-" * before + key + "-" * 3000, {})

    assert key[:5] not in caught.value.problem


NUMBER = st.integers(-(10**12), 10**20).map(str)
GARBAGE = [
    "soon",
    "-1",
    "nan",
    "inf",
    "1e999",
    "",
    "Thu, 01 Jan 1970 00:00:00 +9999999999999999999",
]


@given(
    st.text()
    | st.sampled_from(GARBAGE)
    | st.builds("Thu, {} Jan {} {}:{}:00 +{}".format, *[NUMBER] * 5)
    | NUMBER
)
def test_garbage_is_no_time_to_wait(text: str) -> None:
    for headers in ({"retry-after": text}, {"retry-after-ms": text, "retry-after": text}):
        seconds = retry_after(headers)
        assert seconds is None or 0 <= seconds < float("inf")


async def test_a_client_of_the_user_reads_pages_but_they_are_not_kept() -> None:
    async with (
        serve_bytes(head(400), repeat(PIECE, 100)) as server,
        openai.AsyncOpenAI(base_url=server.url, api_key="key", max_retries=0) as client,
    ):
        error = await fault_of(OpenAIModel("m", client=client))

    assert len("".join(traceback.format_exception(error))) < 20_000
