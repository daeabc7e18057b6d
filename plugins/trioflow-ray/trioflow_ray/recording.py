"""How Refs stand in journals: as marks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from trioflow.errors import NotSerializableError
from trioflow.validation import wrong_type
from trioflow_ray.inside import Mark
from trioflow_ray.refs import Ref, find, is_ref, keep

if TYPE_CHECKING:
    from cattrs import Converter


@attrs.frozen
class Written:
    """The JSON of a Ref: ``{"ray": {"object": ..., "step": ..., "size": ...}}``."""

    ray: Mark


def register(converter: Converter) -> None:
    """Register the hooks for Refs."""
    converter.register_structure_hook_func(is_ref, reader(converter))
    converter.register_unstructure_hook_func(is_ref, write)


def reader(converter: Converter) -> Callable[[Any, Any], Ref[Any]]:
    """Return the hook that returns the Ref that JSON or an instance stands for."""

    def read(value: Any, type_: Any) -> Ref[Any]:
        if isinstance(value, Ref):
            return value
        if not isinstance(value, Mapping):
            raise wrong_type(type_, value)
        return find(converter.structure(value, Written).ray)

    return read


def write(ref: Ref[Any]) -> Mapping[str, Any]:
    """Return the mark of a Ref, which keeps its object until the engine closes.

    Raises:
      NotSerializableError: if the value is not on the cluster.
    """
    mark = keep(ref)
    if mark is None:
        remedy = "return it from a step on Ray, annotated with -> Ref[...]"
        raise NotSerializableError("", "is a Ref whose value is not on a cluster", remedy)
    return {"ray": attrs.asdict(mark)}


def schema(type_: Any) -> Mapping[str, Any] | None:
    """Return the JSON Schema of a Ref, or None for other types."""
    return {"$ref": Written} if is_ref(type_) else None
