"""Inspect Structs: their classes, fields and tags."""

from __future__ import annotations

import typing
from typing import Any

import msgspec
from msgspec.structs import FieldInfo


def struct_of(type_: Any) -> Any:
    """Return the class of a type, without type arguments."""
    return typing.get_origin(type_) or type_


def is_struct(type_: Any) -> bool:
    """Return whether a type is a Struct, with or without type arguments."""
    cls = struct_of(type_)
    return isinstance(cls, type) and issubclass(cls, msgspec.Struct)


def fields_of(type_: Any) -> tuple[FieldInfo, ...]:
    """Return the fields of a Struct, with the type arguments filled in.

    Raises:
      NameError: if an annotation has an undefined name.
    """
    return msgspec.structs.fields(type_)


def tag_of(cls: type[msgspec.Struct]) -> tuple[str, str | int] | None:
    """Return the key and the value of the tag of a Struct; None without a tag."""
    config = cls.__struct_config__
    if config.tag is None or config.tag_field is None:
        return None
    return config.tag_field, config.tag


def is_list(cls: type[msgspec.Struct]) -> bool:
    """Return whether the JSON form of a Struct is a list."""
    return bool(cls.__struct_config__.array_like)
