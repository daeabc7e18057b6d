"""Replies that are not as their interface says: a `ModelError`, whatever a server sends."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trioflow_agents import (
    Agent,
    ArgumentsDelta,
    Finish,
    Model,
    ModelError,
    ModelRequest,
    Piece,
    Scripted,
    ScriptedModel,
    ToolAnswer,
    ToolRequest,
    Usage,
    history,
    sse,
)
from trioflow_agents.anthropic_messages import messages_pieces
from trioflow_agents.openai_chat import chat_pieces
from trioflow_agents.openai_responses import responses_pieces
from trioflow_agents.replies import Calls, check_piece, mended
from trioflow_agents.sse import open_events

from trioflow import RunResult, open_engine, tool

from .model_server import FORMATS

ASKED = [ToolRequest("c1", "t", '{"a": 1}'), ToolRequest("c2", "t", "{}")]
WHOLE = Scripted(["one", "two"], ASKED)
READERS: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "chat": (chat_pieces, list(FORMATS["/v1/chat/completions"](WHOLE))),
    "responses": (responses_pieces, list(FORMATS["/v1/responses"](WHOLE))),
    "anthropic": (messages_pieces, list(FORMATS["/v1/messages"](WHOLE))),
}
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner)
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield each container in a value with each of its keys."""
    keys = value if isinstance(value, dict) else range(len(value))
    for key in keys:
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


async def told(events: list[Any]) -> AsyncGenerator[Any, None]:
    for event in events:
        yield event


def read(reader: Callable[..., Any], events: list[Any]) -> list[Any]:
    """Return the pieces of a reply, or what they were until it was refused."""
    pieces: list[Any] = []

    async def read_all() -> None:
        try:
            async with aclosing(told(events)) as given, aclosing(reader(given)) as found:
                async for piece in found:
                    check_piece(piece)
                    pieces.append(piece)
        except ModelError as exc:
            pieces.append(exc)

    trio.run(read_all)
    return pieces


@pytest.mark.parametrize("reader", READERS)
@settings(deadline=None)
@given(data=st.data())
def test_events_with_anything_in_the_place_of_something(reader: str, data: st.DataObject) -> None:
    pieces_of, events = READERS[reader]
    events = json.loads(json.dumps(events))
    for _ in range(data.draw(st.integers(1, 3))):
        container, key = data.draw(st.sampled_from(list(places(events))))
        if data.draw(st.booleans()):
            container[key] = data.draw(JSON)
        else:
            del container[key]
    read(pieces_of, [event for event in events if isinstance(event, dict)])


@pytest.mark.parametrize("reader", READERS)
@settings(deadline=None)
@given(data=st.data())
def test_events_in_any_order(reader: str, data: st.DataObject) -> None:
    pieces_of, events = READERS[reader]
    pieces = read(pieces_of, data.draw(st.lists(st.sampled_from(events), max_size=20)))

    assert pieces
    assert isinstance(pieces[-1], Finish | ModelError)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.none() | st.sampled_from(["", "a", "b"]),
            st.none() | st.sampled_from(["", "t", "u"]),
            st.text("{}", max_size=2),
        )
    )
)
def test_each_call_has_a_name_and_an_id_of_its_own(parts: list[Any]) -> None:
    calls = Calls()
    pieces = [piece for part in parts for piece in calls.add(*part)]
    pieces += calls.rest()

    assert sorted("".join(piece.delta for piece in pieces)) == sorted("".join(p[3] for p in parts))
    names: dict[str, str] = {}
    for piece in pieces:
        assert piece.call_id
        assert names.setdefault(piece.call_id, piece.name) == piece.name
    assert len(names) >= len({part[0] for part in parts})


@pytest.mark.parametrize(
    ("chunks", "wanted"),
    [
        ([(0, "c", "t", "{}"), (1, "c", "t", "[]")], [("c", "{}"), ("c-2", "[]")]),
        ([(0, "c", "t", "{}"), (0, "d", "t", "[]")], [("c", "{}"), ("d", "[]")]),
        ([(0, None, "t", "{}"), (1, None, "t", "[]")], [("call-0", "{}"), ("call-1", "[]")]),
        ([(0, "c", None, "{"), (0, None, "t", "}")], [("c", "{}")]),
        ([(0, "", "t", "{"), (0, "", "", "}")], [("call-0", "{}")]),
    ],
    ids=["same id", "same index", "no id", "name later", "empty id"],
)
def test_calls_of_careless_servers(chunks: list[Any], wanted: list[Any]) -> None:
    calls = Calls()
    pieces = [piece for chunk in chunks for piece in calls.add(*chunk)]

    assert [*pieces, *calls.rest()] == [ArgumentsDelta(id, "t", delta) for id, delta in wanted]


# ---------------------------------------------------------------- on the line
def test_an_endless_reply_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "LARGEST", 10_000)

    async def endless() -> AsyncIterator[bytes]:
        while True:
            await trio.lowlevel.checkpoint()
            yield b"x" * 100

    async def read_events() -> None:
        async with open_events(endless()) as events:
            async for _ in events:
                pass

    with pytest.raises(ModelError, match="more than 10,000 bytes"):
        trio.run(read_events)


@given(st.integers(1, 9), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_events_are_the_same_however_they_arrive(size: int, end: str, is_indented: bool) -> None:
    sent = [{"text": "ä", "n": [1, 2]}, {"b": {}}]
    lines = [json.dumps(each, indent=1 if is_indented else None).splitlines() for each in sent]
    text = end.join(end.join(f"data: {line}" for line in each) + end for each in lines)
    whole = text.encode()

    async def read_events() -> list[Any]:
        parts = told([whole[at : at + size] for at in range(0, len(whole), size)])
        async with open_events(parts) as events:
            return [event async for event in events]

    assert trio.run(read_events) == sent


async def test_data_that_is_nested_too_deeply() -> None:
    with pytest.raises(ModelError, match="nested too deeply"):
        async with open_events(told([b"data: " + b"[" * 100_000 + b"\n"])) as events:
            await anext(events)


@given(st.text(st.characters(), max_size=5))
def test_texts_can_be_sent(text: str) -> None:
    assert mended(mended(text).encode().decode()) == mended(text)


def test_halves_of_a_character_are_joined() -> None:
    assert mended("a\ud83d" + "\ude00") == "a\N{GRINNING FACE}"
    assert mended("\ud83d!") == "\N{REPLACEMENT CHARACTER}!"


# ---------------------------------------------------------------- in a run
async def run_with(model: Model, *tools: Any) -> tuple[RunResult[Any], Any]:
    agent = Agent("ag", model=model, tools=tools, retry=None)
    async with open_engine(plugins=["agents"], workflows=[agent], store="memory:") as engine:
        run = engine.submit("ag", "go")
        return await run.wait(), history(run)


NONE: Any = None


class OddModel(Model):
    name = "odd"

    def __init__(self, piece: Any) -> None:
        self.piece = piece

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncIterator[AsyncIterator[Piece]]:
        async with aclosing(told([self.piece, Usage(), Finish()])) as pieces:
            yield pieces


@pytest.mark.parametrize(
    "piece", [b"bytes", None, 5, ArgumentsDelta("c", "t", NONE), Usage(-1), Finish(NONE)]
)
async def test_odd_pieces_of_any_model_fail_the_run(piece: Any) -> None:
    result, _ = await run_with(OddModel(piece))

    assert isinstance(result.error, ModelError)
    assert "does not follow its interface" in str(result.error)


async def test_a_reply_that_the_provider_stopped_is_no_answer() -> None:
    result, _ = await run_with(ScriptedModel([Scripted("We could", finish="content_filter")]))

    assert isinstance(result.error, ModelError)
    assert result.error.code == "content_filter"
    assert "'We could'" in str(result.error)


@tool
async def half() -> str:
    """Return half a character."""
    return "\ud83d"


async def test_half_characters_do_not_reach_the_model() -> None:
    model = ScriptedModel([ToolRequest("c", "half", "{}"), "a\ud83d\ude00"])
    result, said = await run_with(model, half)

    assert result.unwrap() == "a\N{GRINNING FACE}"
    assert said[2] == ToolAnswer("c", "half", "\N{REPLACEMENT CHARACTER}")


async def test_ids_and_names_of_calls_can_be_sent_back() -> None:
    calls = [ToolRequest("\ud800", "\ud801", "{}"), ToolRequest("\ud802", "half", "{}")]
    model = ScriptedModel([Scripted(calls=calls), "done"])
    result, said = await run_with(model, half)

    assert result.unwrap() == "done"
    repr(said[1:]).encode()
    ids = [call.id for call in said[1].calls]
    assert ids == ["\N{REPLACEMENT CHARACTER}", "\N{REPLACEMENT CHARACTER}-2"]
    assert [said[2].call_id, said[3].call_id] == ids


@pytest.mark.parametrize("reader", ["chat", "responses"])
def test_a_refusal_is_streamed_and_ends_the_reply(reader: str) -> None:
    pieces_of = READERS[reader][0]
    refusals: dict[str, list[Any]] = {
        "chat": [{"choices": [{"delta": {"refusal": "No."}, "finish_reason": "stop"}]}],
        "responses": [
            {"type": "response.refusal.delta", "delta": "No."},
            {"type": "response.completed", "response": {}},
        ],
    }

    assert read(pieces_of, refusals[reader]) == ["No.", Usage(requests=1), Finish("content_filter")]
