"""Values as JSON that can always be sent."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from trioflow import RunResult
from trioflow.errors import NotSerializableError
from trioflow.wire import lenient_json, result_to_wire

if TYPE_CHECKING:
    from cattrs import Converter


def plain(value: Any, converter: Converter | None = None) -> Any:
    """Return a value as JSON types, without infinite numbers and halves of characters."""
    return _sendable(lenient_json(value, converter))


def written(value: Any, converter: Converter) -> Any:
    """Return a value as its schema says; as `plain` does if it has no such form."""
    holder: RunResult[Any] = RunResult(
        status="success", run_id="", workflow_id="", input=None, output=value
    )
    try:
        wire = result_to_wire(holder, converter=converter)
    except NotSerializableError:
        return plain(value, converter)
    return _sendable(wire.get("result"))


def text_of_json(value: Any) -> str:
    """Return a value as JSON text."""
    return json.dumps(plain(value), ensure_ascii=False)


def sendable_text(text: str) -> str:
    """Return a text that can be encoded: with ``?`` for halves of characters."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _sendable(value: Any) -> Any:
    if isinstance(value, str):
        return sendable_text(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {sendable_text(key): _sendable(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_sendable(each) for each in value]
    return value
