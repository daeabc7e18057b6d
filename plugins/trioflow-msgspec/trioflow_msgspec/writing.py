"""Write Structs as plain JSON types in msgspec's layout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cattrs import Converter
from msgspec import UNSET, Struct

from trioflow_msgspec.fields import is_list, tag_of


def writer(cls: type[Struct], converter: Converter) -> Callable[[Struct], Any]:
    """Return a hook that writes a Struct under msgspec's encoded names."""
    names, keys = cls.__struct_fields__, cls.__struct_encode_fields__
    tag = tag_of(cls)

    def as_list(struct: Struct) -> Any:
        return [*([tag[1]] if tag else []), *(getattr(struct, name) for name in names)]

    def as_object(struct: Struct) -> Any:
        parts = {key: getattr(struct, name) for key, name in zip(keys, names, strict=True)}
        given = {key: part for key, part in parts.items() if part is not UNSET}
        return {tag[0]: tag[1]} | given if tag else given

    return as_list if is_list(cls) else as_object
