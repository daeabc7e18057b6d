"""A server that speaks as OpenAI and Anthropic do, follows a script, and runs on hypercorn."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio
from attrs import define, field
from hypercorn.config import Config
from hypercorn.trio import serve
from trioflow_agents import Scripted, ToolRequest


def split(reply: Scripted) -> Iterator[str | tuple[int, ToolRequest, str]]:
    """Yield text, and the pieces of arguments with the number of their call."""
    yield from reply.text
    for number, call in enumerate(reply.calls):
        for start in range(0, len(call.arguments), reply.piece):
            yield number, call, call.arguments[start : start + reply.piece]


def chat(reply: Scripted) -> Iterator[dict[str, Any]]:
    """Yield the chunks of a chat completion."""

    def chunk(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {"id": "chat-1", "model": "scripted", "choices": [choice], "usage": None}

    yield chunk({"role": "assistant", "content": ""})
    known: set[int] = set()
    for piece in split(reply):
        if isinstance(piece, str):
            yield chunk({"content": piece})
            continue
        number, call, arguments = piece
        about = {} if number in known else {"id": call.id, "type": "function"}
        function = {"arguments": arguments} | ({} if number in known else {"name": call.name})
        known.add(number)
        yield chunk({"tool_calls": [{"index": number, **about, "function": function}]})
    yield chunk({}, "tool_calls" if reply.calls else "stop")
    usage = reply.usage
    told = {"prompt_tokens": usage.input_tokens, "completion_tokens": usage.output_tokens}
    yield {"id": "chat-1", "model": "scripted", "choices": [], "usage": told}


def responses(reply: Scripted) -> Iterator[dict[str, Any]]:
    """Yield the events of a response."""
    yield {"type": "response.created", "response": {"id": "resp-1"}}
    known: set[int] = set()
    for piece in split(reply):
        if isinstance(piece, str):
            yield {"type": "response.output_text.delta", "delta": piece}
            continue
        number, call, arguments = piece
        if number not in known:
            known.add(number)
            item = {"type": "function_call", "id": f"i{number}"}
            item |= {"call_id": call.id, "name": call.name}
            yield {"type": "response.output_item.added", "item": item}
        type = "response.function_call_arguments.delta"
        yield {"type": type, "item_id": f"i{number}", "delta": arguments}
    usage = {"input_tokens": reply.usage.input_tokens, "output_tokens": reply.usage.output_tokens}
    response = {"id": "resp-1", "model": "scripted", "usage": usage}
    yield {"type": "response.completed", "response": response}


def messages(reply: Scripted) -> Iterator[dict[str, Any]]:
    """Yield the events of a message of Anthropic."""
    usage = {"input_tokens": reply.usage.input_tokens, "output_tokens": 1}
    message = {"id": "msg-1", "model": "scripted", "usage": usage}
    yield {"type": "message_start", "message": message}
    known: set[int] = set()
    for piece in split(reply):
        if isinstance(piece, str):
            delta = {"type": "text_delta", "text": piece}
            yield {"type": "content_block_delta", "index": 0, "delta": delta}
            continue
        number, call, arguments = piece
        if number not in known:
            known.add(number)
            block = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
            yield {"type": "content_block_start", "index": number + 1, "content_block": block}
        delta = {"type": "input_json_delta", "partial_json": arguments}
        yield {"type": "content_block_delta", "index": number + 1, "delta": delta}
    reason = "tool_use" if reply.calls else "end_turn"
    usage = {"output_tokens": reply.usage.output_tokens}
    yield {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}
    yield {"type": "message_stop"}


FORMATS: Mapping[str, Callable[[Scripted], Iterator[dict[str, Any]]]] = {
    "/v1/chat/completions": chat,
    "/v1/responses": responses,
    "/v1/messages": messages,
}


@define
class ModelServer:
    """What a server was asked, and when its clients went away."""

    script: Callable[[dict[str, Any]], Scripted]
    url: str = ""
    requests: list[dict[str, Any]] = field(factory=list)
    headers: list[dict[str, str]] = field(factory=list)
    disconnected_at: list[float] = field(factory=list)
    sent: list[int] = field(factory=list)
    """How many pieces each reply had when it ended."""
    whole: int = 0
    """How many pieces a whole reply had."""

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request; an ASGI application."""
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": f"{message['type']}.complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        self.requests.append(json.loads(await _body(receive)))
        self.headers.append({key.decode(): value.decode() for key, value in scope["headers"]})
        reply = self.script(self.requests[-1])
        if reply.error is not None and reply.error.status is not None:
            await _refuse(reply, send)
            return
        await self._stream(FORMATS[scope["path"]](reply), reply, receive, send)

    async def _stream(self, told: Iterator[Any], reply: Scripted, receive: Any, send: Any) -> None:
        head = {"status": 200, "headers": [(b"content-type", b"text/event-stream")]}
        await send({"type": "http.response.start", **head})
        self.sent.append(0)
        number = len(self.sent) - 1
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch, receive, nursery.cancel_scope)
            for event in told:
                await trio.sleep(reply.pause)
                if reply.error is not None and self.sent[number] >= len(reply.text):
                    break  # the connection ends in the middle of the reply
                name = f"event: {event['type']}\n" if "type" in event else ""
                data = f"{name}data: {json.dumps(event)}\n\n".encode()
                await send({"type": "http.response.body", "body": data, "more_body": True})
                self.sent[number] += 1
            await send({"type": "http.response.body", "body": b"data: [DONE]\n\n"})
            self.whole = self.sent[number]
            nursery.cancel_scope.cancel()

    async def _watch(self, receive: Any, scope: trio.CancelScope) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.disconnected_at.append(trio.current_time())
        scope.cancel()


async def _body(receive: Any) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            return bytes(body)


async def _refuse(reply: Scripted, send: Any) -> None:
    error = reply.error
    assert error is not None
    headers = [(b"content-type", b"application/json"), (b"x-request-id", b"req-1")]
    if error.retry_after is not None:
        headers.append((b"retry-after", str(error.retry_after).encode()))
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    told = {"error": {"message": error.problem, "type": "a_type", "code": error.code}}
    await send({"type": "http.response.body", "body": json.dumps(told).encode()})


@asynccontextmanager
async def serve_replies(
    script: Scripted | Callable[[dict[str, Any]], Scripted],
) -> AsyncIterator[ModelServer]:
    """Serve replies on a real socket in this block."""
    server = ModelServer(script if callable(script) else lambda request: script)
    config = Config()
    config.bind = ["127.0.0.1:0"]
    config.graceful_timeout = 0.1
    config.errorlog = None
    async with trio.open_nursery() as nursery:
        [server.url] = await nursery.start(partial(serve, server.app, config, mode="asgi"))
        try:
            yield server
        finally:
            nursery.cancel_scope.cancel()
