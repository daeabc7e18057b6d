"""The responses interface of OpenAI: requests and replies."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
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


async def responses_pieces(events: AsyncIterator[dict[str, Any]]) -> AsyncGenerator[Piece, None]:
    """Yield the pieces of a reply."""
    names: dict[str, tuple[str, str]] = {}
    async for event in events:
        match event.get("type"):
            case "response.output_text.delta":
                yield event["delta"]
            case "response.output_item.added" if event["item"].get("type") == "function_call":
                item = event["item"]
                names[item["id"]] = (item["call_id"], item["name"])
                yield ArgumentsDelta(*names[item["id"]], "")
            case "response.function_call_arguments.delta":
                yield ArgumentsDelta(*names[event["item_id"]], event["delta"])
            case "response.completed" | "response.incomplete":
                response = event["response"]
                yield _usage(response.get("usage") or {})
                reason = _reason(response, has_calls=bool(names))
                yield Finish(reason, response.get("id"), response.get("model"))
                return
            case "response.failed":
                raise stream_error(event["response"].get("error") or "the response has failed")
            case "error":
                raise stream_error(event.get("error") or event)
    raise ended_early()


def _reason(response: Mapping[str, Any], *, has_calls: bool) -> str:
    details = response.get("incomplete_details") or {}
    if details.get("reason"):
        told = str(details["reason"])
        return "length" if told == "max_output_tokens" else told
    return "tool_calls" if has_calls else "stop"


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
