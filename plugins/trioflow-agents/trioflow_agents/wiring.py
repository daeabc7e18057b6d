"""How pieces of replies look on the wire, and which approvals fit a question."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

from trioflow.errors import Fault, FaultsError
from trioflow_agents.approving import Approved
from trioflow_agents.model import ArgumentsDelta, Finish, ProvisionalText, Usage

if TYPE_CHECKING:
    from cattrs import BaseConverter, Converter


def register(converter: Converter) -> None:
    """Register the hooks for pieces and approvals."""
    converter.register_structure_hook_factory(_is_approval)(_approval_hook)
    converter.register_unstructure_hook(ArgumentsDelta, _write_arguments)
    converter.register_structure_hook(ArgumentsDelta, _read_arguments)
    converter.register_unstructure_hook(Usage, write_usage)
    converter.register_structure_hook(Usage, _read_usage)
    converter.register_unstructure_hook(Finish, _write_finish)
    converter.register_structure_hook(Finish, _read_finish)
    converter.register_unstructure_hook(ProvisionalText, _write_text)
    converter.register_structure_hook(ProvisionalText, _read_text)


def _write_arguments(piece: ArgumentsDelta) -> dict[str, Any]:
    return {
        "type": "tool-call-delta",
        "toolCallId": piece.call_id,
        "toolName": piece.name,
        "argsTextDelta": piece.delta,
    }


def _read_arguments(value: Any, cls: Any) -> ArgumentsDelta:
    if isinstance(value, ArgumentsDelta):
        return value
    return ArgumentsDelta(value["toolCallId"], value["toolName"], value["argsTextDelta"])


_NAMES = {
    "input_tokens": "inputTokens",
    "output_tokens": "outputTokens",
    "total_tokens": "totalTokens",
    "cached_tokens": "cachedInputTokens",
    "reasoning_tokens": "reasoningTokens",
    "requests": "requests",
    "cost": "cost",
}


def write_usage(usage: Usage) -> dict[str, Any]:
    """Return a usage on the wire; of what is none, nothing."""
    numbers = {key: getattr(usage, name) for name, key in _NAMES.items()}
    return {"type": "usage", **{key: number for key, number in numbers.items() if number}}


def _read_usage(value: Any, cls: Any) -> Usage:
    if isinstance(value, Usage):
        return value
    known = {name: value[key] for name, key in _NAMES.items() if key in value}
    known.pop("total_tokens", None)
    return Usage(**known)


def _write_finish(piece: Finish) -> dict[str, Any]:
    about = {"responseId": piece.response_id, "modelId": piece.model}
    known = {key: value for key, value in about.items() if value is not None}
    return {"type": "finish", "finishReason": piece.reason, **known}


def _read_finish(value: Any, cls: Any) -> Finish:
    if isinstance(value, Finish):
        return value
    return Finish(value["finishReason"], value.get("responseId"), value.get("modelId"))


def _write_text(piece: ProvisionalText) -> dict[str, Any]:
    return {"type": "text-delta", "textDelta": piece.text, "provisional": True}


def _read_text(value: Any, cls: Any) -> ProvisionalText:
    return value if isinstance(value, ProvisionalText) else ProvisionalText(value["textDelta"])


def _is_approval(cls: Any) -> bool:
    origin: Any = typing.get_origin(cls)
    return origin is Approved


def _approval_hook(cls: Any, converter: BaseConverter) -> typing.Callable[[Any, Any], Any]:
    """Return a hook that also looks into instances: engines take these as they are."""
    digest_type = typing.get_args(cls)[0]
    read_digest = converter.get_structure_hook(digest_type)
    read_arguments = converter.get_structure_hook(dict[str, Any] | None)

    def structure(value: Any, _: Any) -> Any:
        given = value
        if isinstance(value, Approved):
            given = {"digest": value.digest, "arguments": value.arguments}
        if not isinstance(given, dict) or given.keys() - {"digest", "arguments"}:
            raise FaultsError((Fault("", "expected an approval with digest and arguments"),))
        if "digest" not in given:
            raise FaultsError((Fault("digest", "required key is missing"),))
        try:
            digest = read_digest(given["digest"], digest_type)
        except FaultsError as exc:
            problems = (Fault("digest", fault.problem) for fault in exc.faults)
            raise FaultsError(tuple(problems)) from exc
        arguments = read_arguments(given.get("arguments"), dict[str, Any] | None)
        return value if isinstance(value, Approved) else Approved(digest, arguments)

    return structure
