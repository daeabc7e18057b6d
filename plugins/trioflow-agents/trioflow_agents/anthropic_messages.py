"""The messages of Anthropic: requests and replies."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

from trioflow_agents.faults import ended_early, stream_error
from trioflow_agents.messages import (
    Assistant,
    File,
    Image,
    Message,
    Part,
    System,
    Text,
    ToolAnswer,
    User,
)
from trioflow_agents.model import Finish, ModelRequest, Piece, Usage
from trioflow_agents.parts import arguments_object, as_base64
from trioflow_agents.replies import ODD, Calls, odd_reply

REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "refusal": "content_filter",
}


def messages_request(request: ModelRequest) -> dict[str, Any]:
    """Return the arguments of ``messages.create``, without model and settings."""
    system = [message.text for message in request.messages if isinstance(message, System)]
    made: dict[str, Any] = {"messages": _turns(request.messages), "stream": True}
    if system:
        made["system"] = "\n\n".join(system)
    if request.tools:
        made["tools"] = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.schema}
            for tool in request.tools
        ]
    return made


def _turns(messages: tuple[Message, ...]) -> list[dict[str, Any]]:
    """Return the messages; what one side says is one message, as the interface wants it."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        if isinstance(message, System):
            continue
        blocks = _blocks(message)
        if not blocks:  # an empty reply; the interface refuses messages without content
            continue
        role = "assistant" if isinstance(message, Assistant) else "user"
        if not turns or turns[-1]["role"] != role:
            turns.append({"role": role, "content": []})
        turns[-1]["content"] += blocks
    return turns


def _blocks(message: User | Assistant | ToolAnswer) -> list[dict[str, Any]]:
    match message:
        case User(content):
            parts = (Text(content),) if isinstance(content, str) else content
            return [_part(part) for part in parts]
        case Assistant(text, calls):
            # The model may say what the interface refuses: only spaces.
            said = [{"type": "text", "text": text}] if text.strip() else []
            return [
                *said,
                *(
                    {
                        "type": "tool_use",
                        "id": call.id,
                        "name": call.name,
                        "input": arguments_object(call.arguments),
                    }
                    for call in calls
                ),
            ]
        case ToolAnswer(call_id, _, content, is_error):
            about = {"tool_use_id": call_id, "content": content, "is_error": is_error}
            return [{"type": "tool_result", **about}]


def _part(part: Part) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case Image(url=str() as url):
            return {"type": "image", "source": {"type": "url", "url": url}}
        case Image():
            return {"type": "image", "source": _bytes(part.data or b"", part.media_type)}
        case File():
            source = _bytes(part.data, part.media_type)
            return {"type": "document", "title": part.name, "source": source}


def _bytes(data: bytes, media_type: str) -> dict[str, Any]:
    return {"type": "base64", "media_type": media_type, "data": as_base64(data)}


async def messages_pieces(
    events: AsyncIterator[dict[str, Any]], tools: Iterable[str] = ()
) -> AsyncGenerator[Piece, None]:
    """Yield the pieces of a reply.

    Args:
      tools: Names of the tools in the request.

    Raises:
      ModelError: if the provider reports an error, or the reply is not as it should be.
    """
    calls = Calls(tools)
    usage: dict[str, Any] = {}
    start: Mapping[str, Any] = {}
    reason = None
    try:
        async for event in events:
            match event.get("type"):
                case "message_start":
                    start = event["message"]
                    usage |= start.get("usage") or {}
                case "content_block_start" | "content_block_delta":
                    for piece in _block_pieces(event, calls):
                        yield piece
                case "message_delta":
                    usage |= event.get("usage") or {}
                    reason = event["delta"].get("stop_reason") or reason
                case "message_stop" if reason is not None:
                    for piece in calls.rest():
                        yield piece
                    yield _usage(usage)
                    yield Finish(REASONS.get(reason, reason), start.get("id"), start.get("model"))
                    return
                case "error":
                    raise stream_error(event.get("error"))
    except ODD as exc:
        raise odd_reply(exc) from exc
    raise ended_early()


def _block_pieces(event: Mapping[str, Any], calls: Calls) -> Iterator[Piece]:
    block, delta = event.get("content_block") or {}, event.get("delta") or {}
    if block.get("type") == "tool_use":
        # Some compatible servers send the arguments at once.
        arguments = json.dumps(block["input"]) if block.get("input") else ""
        yield from calls.add(event["index"], block.get("id"), block.get("name"), arguments)
    elif delta.get("type") == "text_delta":
        yield delta["text"]
    elif delta.get("type") == "input_json_delta":
        yield from calls.add(event["index"], None, None, delta["partial_json"])


def _usage(told: Mapping[str, Any]) -> Usage:
    cached = told.get("cache_read_input_tokens") or 0
    written = told.get("cache_creation_input_tokens") or 0
    read = (told.get("input_tokens") or 0) + cached + written
    return Usage(read, told.get("output_tokens") or 0, cached, requests=1)
