"""Read models strictly: nothing is coerced, and unknown keys are faults.

Pydantic defines the meaning of a model, so it always decides in the end. A value of
plain JSON types is read as JSON text, because Pydantic's strict mode accepts a date, a set or
a nested model, and its own output, only from JSON. Any other value is a Python value, which
may contain instances. trioflow's converter, which supports the types of all plugins, first
structures its parts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypedDict

from cattrs import Converter
from pydantic import BaseModel, RootModel, ValidationError

from trioflow.errors import Fault, FaultsError
from trioflow.validation import as_mapping, faults_of
from trioflow_pydantic.faults import path_to, refusals
from trioflow_pydantic.parts import Part, is_plain, parts_of

Hook: TypeAlias = Callable[[Any, Any], Any]


class Options(TypedDict):
    strict: bool
    by_alias: bool
    by_name: bool


STRICTLY: Options = {"strict": True, "by_alias": True, "by_name": True}
"""Values are written with the names of the fields; input may also use aliases."""


def reader(cls: type[BaseModel], converter: Converter) -> Hook:
    """Return a hook for a model.

    Raises:
      PydanticUndefinedAnnotation: if an annotation of the model has an undefined name.
    """
    cls.model_rebuild()
    parts: dict[str, Part] = {}

    def structure(value: Any, _: Any) -> Any:
        if isinstance(value, cls):
            return value
        if is_plain(value):
            try:
                text = json.dumps(value)
                return cls.model_validate_json(text, extra="forbid", **STRICTLY)
            except ValidationError:
                pass  # it may contain types that Pydantic does not support
        if not parts:  # only now, because a model may contain itself
            parts.update(parts_of(cls, converter))
        return _read(cls, value, parts)

    return structure


def _read(cls: type[BaseModel], value: Any, parts: Mapping[str, Part]) -> BaseModel:
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
        return _validated(cls, ready, parts)
    except ValidationError as exc:
        raise FaultsError(tuple(refusals(exc, value, faults))) from exc


def _validated(cls: type[BaseModel], ready: Any, parts: Mapping[str, Part]) -> BaseModel:
    if cls.model_config.get("extra") in (None, "forbid") or issubclass(cls, RootModel):
        return cls.model_validate(ready, extra="forbid", **STRICTLY)
    # The model only configures its own unknown keys. Those of inner models, some of which may
    # not be structured yet, cannot be forbidden in the same call.
    known = {key: item for key, item in ready.items() if key in parts}
    cls.model_validate(known, extra="forbid", **STRICTLY)
    return cls.model_validate(ready, **STRICTLY)


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
