"""Values, errors and events as plain JSON types for clients. Nothing here fails for odd values."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from trioflow.errors import NotSerializableError, Tripwire
from trioflow.events import Event
from trioflow.wire import Dialect, error_to_wire, lenient_json, to_wire

if TYPE_CHECKING:
    from cattrs import Converter


@attrs.frozen
class Shower:
    """Shows values in the way of one server."""

    converter: Converter
    with_stacks: bool = False

    def value(self, value: Any) -> Any:
        """Return a value as plain JSON types, with a string for what has no JSON form."""
        return lenient_json(value, self.converter)

    def error(self, error: BaseException) -> dict[str, Any]:
        """Return an exception as ``{name, message}``; of a group, that of the first member."""
        wire = error_to_wire(error)
        first = wire
        while first.get("errors"):
            first = first["errors"][0]
        shown = {**wire, "name": first["name"], "message": first["message"]}
        if not self.with_stacks:
            shown = _without_stacks(shown)
        return shown

    def tripwire(self, error: BaseException | None) -> dict[str, Any] | None:
        """Return what clients get of a tripwire; None for any other error."""
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if not isinstance(error, Tripwire):
            return None
        fields = {
            "reason": error.reason,
            "retry": error.retry or None,
            "metadata": self.value(error.metadata),
            "processorId": error.processor_id,
        }
        return {key: value for key, value in fields.items() if value is not None}

    def event(self, event: Event, dialect: Dialect) -> dict[str, Any]:
        """Return an event in a dialect."""
        try:
            return to_wire(event, dialect, converter=self.converter, stack=self.with_stacks)
        except NotSerializableError:
            plain = attrs.evolve(event, **self._plain_fields(event))
            return to_wire(plain, dialect, converter=self.converter, stack=self.with_stacks)

    def _plain_fields(self, event: Event) -> dict[str, Any]:
        values = {field.name: getattr(event, field.name) for field in attrs.fields(type(event))}
        kept = (str, int, float, bool, tuple, BaseException, type(None))
        return {
            name: self.value(value) for name, value in values.items() if not isinstance(value, kept)
        }


def _without_stacks(error: Mapping[str, Any]) -> dict[str, Any]:
    shown = {key: value for key, value in error.items() if key != "stack"}
    if "errors" in shown:
        shown["errors"] = [_without_stacks(member) for member in shown["errors"]]
    return shown


def milliseconds(at: float) -> int:
    """Return seconds since the epoch as whole milliseconds."""
    return round(at * 1000)


def dump(value: Any) -> bytes:
    """Return a JSON value as compact UTF-8 without lone surrogates and infinite numbers."""
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "replace")


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value
