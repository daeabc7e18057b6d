"""Read models strictly: nothing is coerced, and unknown keys are faults.

Pydantic defines the meaning of a model, so it always decides in the end. A value of
plain JSON types is read as JSON text, because Pydantic's strict mode accepts a date, a set or
a nested model, and its own output, only from JSON. Any other value is a Python value, which
may contain instances. trioflow's converter, which supports the types of all plugins, first
structures its parts.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from cattrs import Converter
from pydantic import BaseModel, RootModel, ValidationError

from trioflow.errors import Fault, FaultsError
from trioflow.validation import as_mapping, faults_of
from trioflow_pydantic.faults import path_to, refusals
from trioflow_pydantic.forms import OneForm
from trioflow_pydantic.parties import is_plain
from trioflow_pydantic.parts import Part, parts_of

Hook: TypeAlias = Callable[[Any, Any], Any]


def reader(cls: Any, form: OneForm, converter: Converter) -> Hook:
    """Return a hook for a model or a dataclass."""
    parts: dict[str, Part] = {}
    origin = typing.get_origin(cls) or cls

    def structure(value: Any, _: Any) -> Any:
        if isinstance(value, origin):
            return value
        if is_plain(value):
            try:
                return form.read(value)
            except ValidationError as exc:
                refused = exc
        else:
            refused = None
        if not parts:  # only now, because a model may contain itself
            parts.update(parts_of(origin, converter))
        read = _read(origin, form, value, parts)
        if refused is None or refused.errors()[0]["type"] == "json_invalid":
            return read  # Pydantic reads no lone surrogates from JSON
        # Only for its faults: JSON means what Pydantic reads from it.
        raise FaultsError(tuple(refusals(refused, value, {})))

    return structure


def _read(cls: type, form: OneForm, value: Any, parts: Mapping[str, Part]) -> Any:
    """Return a model from a value whose parts are structured one by one.

    Raises:
      FaultsError: if Pydantic refuses it.
    """
    faults: dict[str, list[Fault]] = {}
    ready: Any
    if issubclass(cls, RootModel):
        ready = _part(value, parts["root"], "", faults) if parts else value
    else:
        given = dict(value) if isinstance(value, BaseModel) else as_mapping(value, cls)
        ready = {
            key: _part(item, parts[key], path_to([key], given), faults) if key in parts else item
            for key, item in given.items()
        }
    try:
        return form.make(cls, ready)
    except ValidationError as exc:
        raise FaultsError(tuple(refusals(exc, value, faults))) from exc


def _part(item: Any, part: Part, path: str, faults: dict[str, list[Fault]]) -> Any:
    """Return a structured part, or the unchanged item if it cannot be structured.

    Pydantic then decides whether that is a fault: a validator of the model may accept
    values that the bare type does not.
    """
    try:
        return part(item)
    except Exception as exc:
        faults[path] = faults_of(exc, path)
        return item
