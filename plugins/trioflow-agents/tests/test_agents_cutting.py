"""One reply cut into pieces in many ways: the message is the same, and so is what events say."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trioflow_agents import (
    Agent,
    ArgumentsDelta,
    Assistant,
    Finish,
    Model,
    ModelRequest,
    ToolRequest,
    history,
)
from trioflow_agents.anthropic_messages import messages_pieces
from trioflow_agents.asking import Reply
from trioflow_agents.openai_chat import chat_pieces
from trioflow_agents.openai_responses import responses_pieces

from trioflow import events as ev
from trioflow import open_engine, tool

TOOLS = ("weather", "we", "add", "adds", "aa", "a")
IDS = st.permutations("abc_123").map("".join)
REQUESTS = st.lists(
    st.builds(ToolRequest, IDS, st.sampled_from(TOOLS), st.text('{"a: 1}', max_size=12)),
    min_size=1,
    max_size=3,
    unique_by=lambda request: request.id,
)


@st.composite
def cuts(draw: st.DrawFn, text: str) -> list[str]:
    """Draw the pieces of a text."""
    places = draw(st.sets(st.integers(1, max(len(text) - 1, 1)), max_size=4))
    bounds = [0, *sorted(place for place in places if place < len(text)), len(text)]
    return [text[start:end] for start, end in pairwise(bounds)]


# ---------------------------------------------------------------- the ways of servers
@st.composite
def chat_events(draw: st.DrawFn, requests: list[ToolRequest]) -> list[dict[str, Any]]:
    """Draw the chunks of a chat completion."""
    chunks: list[Any] = []
    for index, request in enumerate(requests):
        heads = [("id", piece) for piece in draw(cuts(request.id))]
        names = [("name", piece) for piece in draw(cuts(request.name))]
        heads = draw(st.sampled_from([[*heads, *names], [*names, *heads]]))
        arguments = [("arguments", piece) for piece in draw(cuts(request.arguments))]
        if draw(st.booleans()):  # the id comes late
            heads = names
            arguments.insert(1, ("id", request.id))
        for part in together(draw, [*heads, *arguments]):
            function = {key: part[key] for key in ("name", "arguments") if key in part}
            about = {"id": part["id"]} if "id" in part else {}
            call = {"index": index, **about, "function": function}
            chunks.append({"choices": [{"delta": {"tool_calls": [call]}}]})
    return [*chunks, {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}]


def together(draw: st.DrawFn, parts: list[tuple[str, str]]) -> Iterator[dict[str, str]]:
    """Yield parts of different kinds, some of them at the same time."""
    chunk: dict[str, str] = {}
    for key, piece in parts:
        if key in chunk or draw(st.booleans()):
            if chunk:
                yield chunk
            chunk = {}
        chunk[key] = piece
    yield chunk


@st.composite
def responses_events(draw: st.DrawFn, requests: list[ToolRequest]) -> list[dict[str, Any]]:
    """Draw the events of a response."""
    events: list[dict[str, Any]] = []
    for number, request in enumerate(requests):
        item: dict[str, Any] = {"type": "function_call", "id": f"i{number}"}
        whole = {**item, "call_id": request.id, "name": request.name}
        if draw(st.booleans()):
            first = draw(st.sampled_from([item, whole, {**item, "name": request.name[:1]}]))
            events.append({"type": "response.output_item.added", "item": first})
            for piece in draw(cuts(request.arguments)):
                type = "response.function_call_arguments.delta"
                events.append({"type": type, "item_id": f"i{number}", "delta": piece})
        done = {**whole, "arguments": request.arguments}
        events.append({"type": "response.output_item.done", "item": done})
    return [*events, {"type": "response.completed", "response": {}}]


@st.composite
def messages_events(draw: st.DrawFn, requests: list[ToolRequest]) -> list[dict[str, Any]]:
    """Draw the events of a message of Anthropic."""
    events: list[dict[str, Any]] = [{"type": "message_start", "message": {}}]
    for index, request in enumerate(requests):
        head = {"type": "tool_use", "id": request.id, "name": request.name, "input": {}}
        first = {**head, "name": request.name[:1]}
        late = {**head, "id": None, "name": request.name[1:]}
        blocks: list[list[Any]] = [[head], [first, late]]
        for block in draw(st.sampled_from(blocks)):
            events.append({"type": "content_block_start", "index": index, "content_block": block})
        for piece in draw(cuts(request.arguments)):
            delta = {"type": "input_json_delta", "partial_json": piece}
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    events.append({"type": "message_delta", "delta": {"stop_reason": "tool_use"}})
    return [*events, {"type": "message_stop"}]


WAYS: dict[str, tuple[Callable[..., Any], Callable[..., st.SearchStrategy[Any]]]] = {
    "chat": (chat_pieces, chat_events),
    "responses": (responses_pieces, responses_events),
    "anthropic": (messages_pieces, messages_events),
}


async def told(events: list[Any]) -> AsyncGenerator[Any, None]:
    for event in events:
        yield event


def read(reader: Callable[..., Any], events: list[Any], tools: Any = TOOLS) -> list[Any]:
    """Return the pieces of a reply."""

    async def read_all() -> list[Any]:
        async with aclosing(told(events)) as given, aclosing(reader(given, tools)) as pieces:
            return [piece async for piece in pieces]

    return trio.run(read_all)


@pytest.mark.parametrize("way", WAYS)
@settings(deadline=None)
@given(data=st.data())
def test_a_reply_is_the_same_however_it_is_cut(way: str, data: st.DataObject) -> None:
    reader, events = WAYS[way]
    requests = data.draw(REQUESTS)
    pieces = read(reader, data.draw(events(requests)))

    reply = Reply()
    for piece in pieces:
        reply.add(piece)
        if isinstance(piece, ArgumentsDelta):
            assert (piece.call_id, piece.name) in {(each.id, each.name) for each in requests}
    # Calls whose arguments never begin wait for the next call, and so keep their order.
    assert reply.turn().said == Assistant("", requests)
    assert isinstance(pieces[-1], Finish)
    assert pieces[-1].reason == "tool_calls"


def chunks_of(*parts: tuple[int | None, str | None, str | None, str]) -> list[dict[str, Any]]:
    """Return the chunks of a chat completion with parts of calls."""
    deltas = [
        {"index": index, "id": id, "function": {"name": name, "arguments": arguments}}
        for index, id, name, arguments in parts
    ]
    chunks: list[dict[str, Any]] = [{"choices": [{"delta": {"tool_calls": [d]}}]} for d in deltas]
    return [*chunks, {"choices": [{"delta": {}, "finish_reason": "stop"}]}]


@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        (
            [(0, "c", "add", ""), (0, "c", "add", "{"), (0, "c", "add", "}")],
            [("c", "add", "{"), ("c", "add", "}")],
        ),
        ([(0, "c", "add", ""), (0, None, "add", "{}")], [("c", "add", "{}")]),
        (
            [(0, "c", "weather", ""), (0, "d", "add", "")],
            [("c", "weather", ""), ("d", "add", "")],
        ),
        (
            [(None, None, "weather", "{}"), (None, None, "add", "[]")],
            [("call-0", "weather", "{}"), ("call-1", "add", "[]")],
        ),
        (
            [(0, "c", "weather", ""), (1, "d", "add", ""), (1, None, None, "{}")],
            [("c", "weather", ""), ("d", "add", "{}")],
        ),
    ],
    ids=["all repeated", "name repeated", "whole calls", "neither index nor id", "no arguments"],
)
def test_what_is_repeated_is_no_piece(parts: list[Any], wanted: list[Any]) -> None:
    pieces = read(chat_pieces, chunks_of(*parts), ("weather", "add"))

    assert pieces[:-2] == [ArgumentsDelta(*each) for each in wanted]


def test_a_compatible_server_may_send_the_arguments_at_once() -> None:
    block = {"type": "tool_use", "id": "c", "name": "add", "input": {"a": 1}}
    events = [
        {"type": "content_block_start", "index": 0, "content_block": block},
        {"type": "message_delta", "delta": {"stop_reason": "tool_use"}},
        {"type": "message_stop"},
    ]

    assert read(messages_pieces, events)[0] == ArgumentsDelta("c", "add", '{"a": 1}')


# ---------------------------------------------------------------- in a run
@tool
async def add(a: int) -> int:
    """Add one."""
    return a + 1


class Chunks(Model):
    """A model whose replies are the chunks of chat completions."""

    name = "chunks"

    def __init__(self, *replies: list[dict[str, Any]]) -> None:
        self.replies = list(replies)

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> Any:
        names = [tool.name for tool in request.tools]
        events = told(self.replies.pop(0))
        async with aclosing(events), aclosing(chat_pieces(events, names)) as pieces:
            yield pieces


async def test_a_name_in_pieces_calls_the_tool_and_is_whole_in_events() -> None:
    parts = [(0, "c", "a", ""), (0, "1", "d", ""), (0, None, "d", '{"a"'), (0, None, None, ": 1}")]
    end: Any = {"choices": [{"delta": {"content": "2"}, "finish_reason": "stop"}]}
    agent = Agent("ag", model=Chunks(chunks_of(*parts), [end]), tools=[add])
    async with open_engine(plugins=["agents"], workflows=[agent]) as engine:
        run = engine.create_run("ag")
        async with run.stream("go") as stream:
            events = [event async for event in stream]

    assert history(run)[1] == Assistant("", [ToolRequest("c1", "add", '{"a": 1}')])
    deltas = [event.delta for event in events if isinstance(event, ev.ToolCallDelta)]
    written = [delta for delta in deltas if isinstance(delta, ArgumentsDelta)]
    assert written == [ArgumentsDelta("c1", "add", '{"a"'), ArgumentsDelta("c1", "add", ": 1}")]
    calls = [event for event in events if isinstance(event, ev.ToolCall) and event.name == "add"]
    assert [call.args for call in calls] == [{"a": 1}]
