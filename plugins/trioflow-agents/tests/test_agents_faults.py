"""Faults in the middle of replies, and how pieces look on the wire."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

import pytest
from trioflow_agents import (
    Approved,
    ArgumentsDelta,
    Finish,
    ModelError,
    ProvisionalText,
    Usage,
    trioflow_converter,
)
from trioflow_agents.anthropic_messages import messages_pieces
from trioflow_agents.faults import is_of_transport, status_error, stream_error
from trioflow_agents.openai_chat import chat_pieces
from trioflow_agents.openai_responses import responses_pieces
from trioflow_agents.sse import open_events

from trioflow import events as ev
from trioflow.errors import FaultsError
from trioflow.validation import make_converter
from trioflow.wire import to_wire


async def given(*events: Any) -> AsyncGenerator[Any, None]:
    for event in events:
        if isinstance(event, Exception):
            raise event
        yield event


class LostError(Exception):
    __module__ = "httpx._exceptions"


async def read(*lines: Any) -> list[dict[str, Any]]:
    parts = (f"{each}\n".encode() if isinstance(each, str) else each for each in lines)
    async with open_events(given(*parts)) as events:
        return [event async for event in events]


async def test_only_data_is_read() -> None:
    lines = ("event: a", 'data: {"a": 1}', "", ": comment", 'data:{"b":2}', "data: [DONE]")

    assert await read(*lines) == [{"a": 1}, {"b": 2}]


@pytest.mark.parametrize(
    ("line", "problem", "retryable"),
    [
        ("data: {", "is not JSON", False),
        ("data: []", "is not a JSON object", False),
        (LostError("reset"), "the connection failed (LostError: reset)", True),
    ],
)
async def test_what_is_no_event_is_an_error(line: Any, problem: str, retryable: bool) -> None:
    with pytest.raises(ModelError) as caught:
        await read('data: {"a": 1}', line)

    assert problem in str(caught.value)
    assert caught.value.retryable is retryable


async def test_other_exceptions_pass() -> None:
    assert not is_of_transport(KeyError())
    with pytest.raises(KeyError):
        await read(KeyError("x"))


OVERLOADED = {"type": "overloaded_error", "message": "busy"}


@pytest.mark.parametrize(
    ("pieces", "event"),
    [
        (chat_pieces, {"error": OVERLOADED}),
        (messages_pieces, {"type": "error", "error": OVERLOADED}),
        (responses_pieces, {"type": "error", "error": OVERLOADED}),
        (responses_pieces, {"type": "response.failed", "response": {"error": OVERLOADED}}),
    ],
)
async def test_a_provider_may_fail_in_the_middle(pieces: Callable[..., Any], event: Any) -> None:
    with pytest.raises(ModelError, match="busy") as caught:
        _ = [piece async for piece in pieces(given(event))]

    assert (caught.value.code, caught.value.retryable) == ("overloaded_error", True)


def test_faults_of_any_form_are_told() -> None:
    assert stream_error("odd").problem == "odd"
    assert stream_error({"message": "no"}).retryable is False
    assert status_error(502, None, {}).problem == "HTTP status 502"
    assert status_error(400, "bad", {}).problem == "bad"
    assert status_error(409, {"message": "m"}, {}).retryable


async def test_a_reply_that_became_too_long_says_so() -> None:
    details = {"reason": "max_output_tokens"}
    response = {"id": "r", "incomplete_details": details, "usage": {"input_tokens": 2}}
    event = {"type": "response.incomplete", "response": response}

    async with aclosing(given({"type": "new"}, event)) as told:
        pieces = [piece async for piece in responses_pieces(told)]

    assert pieces == [Usage(2, requests=1), Finish("length", "r", None)]


async def test_compatible_servers_may_leave_out_much() -> None:
    call = {"function": {"name": "t", "arguments": "{}"}}
    chunk = {"choices": [{"delta": {"tool_calls": [call]}, "finish_reason": "stop"}]}

    pieces = [piece async for piece in chat_pieces(given({}, chunk))]

    assert pieces == [
        ArgumentsDelta("call-0", "t", "{}"),
        Usage(requests=1),
        Finish("tool_calls", None, None),
    ]


# ---------------------------------------------------------------- the wire
@pytest.mark.parametrize(
    ("piece", "wire"),
    [
        ("text", "text"),
        (
            ArgumentsDelta("c", "t", "{"),
            {
                "type": "tool-call-delta",
                "toolCallId": "c",
                "toolName": "t",
                "argsTextDelta": "{",
            },
        ),
        (
            Usage(3, 4, 1, 2, 1, 0.5),
            {
                "type": "usage",
                "inputTokens": 3,
                "outputTokens": 4,
                "totalTokens": 7,
                "cachedInputTokens": 1,
                "reasoningTokens": 2,
                "requests": 1,
                "cost": 0.5,
            },
        ),
        (
            Finish("stop", "r", None),
            {"type": "finish", "finishReason": "stop", "responseId": "r"},
        ),
        (
            ProvisionalText("a"),
            {"type": "text-delta", "textDelta": "a", "provisional": True},
        ),
    ],
)
def test_pieces_on_the_wire(piece: Any, wire: Any) -> None:
    converter = make_converter()
    trioflow_converter(converter)
    event = ev.ToolCallDelta(
        run_id="r", seq=1, at=1.0, id="s", address="0", tool_call_id="t", name="ag",
        args={}, delta=piece,
    )  # fmt: skip

    assert to_wire(event, converter=converter)["argsTextDelta"] == wire
    assert converter.structure(wire, type(piece)) == piece
    assert converter.structure(piece, type(piece)) == piece


@pytest.mark.parametrize("value", [3, {"digest": "a", "more": 1}, {"arguments": {}}, {"digest": 3}])
def test_what_is_no_approval_is_refused(value: Any) -> None:
    converter = make_converter()
    trioflow_converter(converter)
    assert converter.structure({"digest": "a"}, Approved[str]) == Approved("a")
    with pytest.raises(FaultsError):
        converter.structure(value, Approved[str])
