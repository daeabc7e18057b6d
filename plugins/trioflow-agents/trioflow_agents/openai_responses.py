"""The responses interface of OpenAI: requests and replies."""

from __future__ import annotations

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
from trioflow_agents.model import ArgumentsDelta, Finish, ModelRequest, Piece, Usage
from trioflow_agents.parts import answer_text, file_url, image_url
from trioflow_agents.replies import ODD, Calls, odd_reply


def responses_request(request: ModelRequest, *, strict: bool) -> dict[str, Any]:
    """Return the arguments of ``responses.create``, without model and settings."""
    made: dict[str, Any] = {
        "input": [item for message in request.messages for item in _items(message)],
        "stream": True,
        "store": False,
    }
    if request.tools:
        made["tools"] = [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.schema,
                "strict": False,
            }
            for tool in request.tools
        ]
    if request.output_schema is not None:
        schema = {"name": "output", "schema": request.output_schema, "strict": strict}
        made["text"] = {"format": {"type": "json_schema", **schema}}
    return made


def _items(message: Message) -> Iterator[dict[str, Any]]:
    match message:
        case System(text):
            yield {"role": "system", "content": text}
        case User(content):
            said = content if isinstance(content, str) else [_part(part) for part in content]
            yield {"role": "user", "content": said}
        case Assistant(text, calls):
            if text:
                yield {"role": "assistant", "content": text}
            for call in calls:
                about = {"call_id": call.id, "name": call.name, "arguments": call.arguments}
                yield {"type": "function_call", **about}
        case ToolAnswer():
            output = answer_text(message)
            yield {"type": "function_call_output", "call_id": message.call_id, "output": output}


def _part(part: Part) -> dict[str, Any]:
    match part:
        case Text(text):
            return {"type": "input_text", "text": text}
        case Image():
            return {"type": "input_image", "image_url": image_url(part)}
        case File():
            return {"type": "input_file", "filename": part.name, "file_data": file_url(part)}


async def responses_pieces(
    events: AsyncIterator[dict[str, Any]], tools: Iterable[str] = ()
) -> AsyncGenerator[Piece, None]:
    """Yield the pieces of a reply.

    Args:
      tools: Names of the tools in the request.

    Raises:
      ModelError: if the provider reports an error, or the reply is not as it should be.
    """
    calls, refuses = Calls(tools), False
    try:
        async for event in events:
            match event.get("type"):
                case "response.output_text.delta":
                    yield event["delta"]
                case "response.refusal.delta":
                    refuses = True
                    yield event["delta"]
                case str(type) if type.startswith(_OF_CALLS):
                    for piece in _arguments(type, event, calls):
                        yield piece
                case "response.completed" | "response.incomplete":
                    for piece in calls.rest():
                        yield piece
                    response = event["response"]
                    yield _usage(response.get("usage") or {})
                    reason = "content_filter" if refuses else _reason(response, calls)
                    yield Finish(reason, response.get("id"), response.get("model"))
                    return
                case "response.failed":
                    raise stream_error(event["response"].get("error") or "the response has failed")
                case "error":
                    raise stream_error(event.get("error") or event)
    except ODD as exc:
        raise odd_reply(exc) from exc
    raise ended_early()


_OF_CALLS = ("response.output_item.", "response.function_call_arguments.")


def _arguments(type: str, event: Mapping[str, Any], calls: Calls) -> Iterator[ArgumentsDelta]:
    """Yield what can be told of a call after an event that may be about one."""
    item = event.get("item") or {}
    key = event.get("item_id") or item.get("id") or event.get("output_index")
    if type == "response.function_call_arguments.delta":
        yield from calls.add(key, None, None, event["delta"])
    elif item.get("type") == "function_call":
        add = calls.add if type == "response.output_item.added" else calls.end
        told = item.get("arguments") or ""
        yield from add(key, item.get("call_id"), item.get("name"), told)


def _reason(response: Mapping[str, Any], calls: Calls) -> str:
    details = response.get("incomplete_details") or {}
    if details.get("reason"):
        told = str(details["reason"])
        return "length" if told == "max_output_tokens" else told
    return "tool_calls" if calls else "stop"


def _usage(told: Mapping[str, Any]) -> Usage:
    read = told.get("input_tokens_details") or {}
    written = told.get("output_tokens_details") or {}
    return Usage(
        told.get("input_tokens") or 0,
        told.get("output_tokens") or 0,
        read.get("cached_tokens") or 0,
        written.get("reasoning_tokens") or 0,
        requests=1,
    )
