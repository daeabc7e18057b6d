"""The chat completions of OpenAI and of compatible servers: requests and replies."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping
from typing import Any

from attrs import evolve

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
from trioflow_agents.model import ArgumentsDelta, Finish, ModelRequest, Piece, Usage
from trioflow_agents.parts import answer_text, file_url, image_url
from trioflow_agents.replies import ODD, Calls, odd_reply


def chat_request(request: ModelRequest, *, strict: bool) -> dict[str, Any]:
    """Return the arguments of ``chat.completions.create``, without model and settings."""
    made: dict[str, Any] = {
        "messages": [_message(message) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.tools:
        made["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.schema,
                },
            }
            for tool in request.tools
        ]
    if request.output_schema is not None:
        schema = {"name": "output", "schema": request.output_schema, "strict": strict}
        made["response_format"] = {"type": "json_schema", "json_schema": schema}
    return made


def _message(message: Message) -> dict[str, Any]:
    match message:
        case System(text):
            return {"role": "system", "content": text}
        case User(content):
            said = content if isinstance(content, str) else [_part(part) for part in content]
            return {"role": "user", "content": said}
        case Assistant(text, calls):
            called = [
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": call.arguments},
                }
                for call in calls
            ]
            told: dict[str, Any] = {"role": "assistant", "content": text or None}
            return {**told, "tool_calls": called} if called else {**told, "content": text}
        case ToolAnswer():
            content = answer_text(message)
            return {"role": "tool", "tool_call_id": message.call_id, "content": content}


def _part(part: Part) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"type": "text", "text": text}
        case Image():
            return {"type": "image_url", "image_url": {"url": image_url(part)}}
        case File():
            file = {"filename": part.name, "file_data": file_url(part)}
            return {"type": "file", "file": file}


async def chat_pieces(
    chunks: AsyncIterator[dict[str, Any]], tools: Iterable[str] = ()
) -> AsyncGenerator[Piece, None]:
    """Yield the pieces of a reply.

    Args:
      tools: Names of the tools in the request.

    Raises:
      ModelError: if the provider reports an error, or the reply is not as it should be.
    """
    reason, refuses = None, False
    usage, about = Usage(requests=1), Finish()
    calls = Calls(tools)
    try:
        async for chunk in chunks:
            if chunk.get("error"):
                raise stream_error(chunk["error"])
            about = Finish("", chunk.get("id"), chunk.get("model"))
            if chunk.get("usage"):
                usage = _usage(chunk["usage"])
            for choice in chunk.get("choices") or ():
                reason = choice.get("finish_reason") or reason
                # A server that does not stream sends one chunk, with the whole message.
                delta = choice.get("delta") or choice.get("message") or {}
                if delta.get("content"):
                    yield delta["content"]
                if delta.get("refusal"):
                    refuses = True
                    yield delta["refusal"]
                for number, call in enumerate(delta.get("tool_calls") or ()):
                    for piece in _arguments(call, number, calls):
                        yield piece
    except ODD as exc:
        raise odd_reply(exc) from exc
    for piece in calls.rest():
        yield piece
    if reason is None:
        raise ended_early()
    yield usage
    yield evolve(about, reason=_reason(reason, calls, refuses=refuses))


def _reason(told: str, calls: Calls, *, refuses: bool) -> str:
    if refuses:
        return "content_filter"
    return "tool_calls" if calls and told == "stop" else told


def _arguments(call: Mapping[str, Any], number: int, calls: Calls) -> Iterator[ArgumentsDelta]:
    """Yield what can be told after a part of a call, of which the first ones have id and name."""
    index = call.get("index")  # some servers send whole calls without it
    function = call.get("function") or {}
    key = number if index is None else index
    return calls.add(key, call.get("id"), function.get("name"), function.get("arguments") or "")


def _usage(told: Mapping[str, Any]) -> Usage:
    read = told.get("prompt_tokens_details") or {}
    written = told.get("completion_tokens_details") or {}
    return Usage(
        told.get("prompt_tokens") or 0,
        told.get("completion_tokens") or 0,
        read.get("cached_tokens") or 0,
        written.get("reasoning_tokens") or 0,
        requests=1,
    )
