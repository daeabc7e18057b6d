"""Inspect Structs: their classes, fields, keys and tags."""

from __future__ import annotations

import operator
import typing
from collections.abc import Iterable
from functools import reduce
from types import UnionType
from typing import Any

import msgspec
from msgspec import UnsetType
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


def keys_of(field: FieldInfo, fields: Iterable[FieldInfo]) -> tuple[str, ...]:
    """Return the keys under which a field is read: its encoded name first, then its own.

    A name that is the encoded name of another field is that of the other one.
    """
    if field.name in {each.encode_name for each in fields}:
        return (field.encode_name,)
    return field.encode_name, field.name


def without_unset(type_: Any) -> tuple[Any, bool]:
    """Return a type without `UnsetType`, and whether it contained that."""
    arms = typing.get_args(type_)
    if typing.get_origin(type_) not in (typing.Union, UnionType) or UnsetType not in arms:
        return type_, False
    return reduce(operator.or_, [arm for arm in arms if arm is not UnsetType]), True


def tag_of(cls: type[msgspec.Struct]) -> tuple[str, str | int] | None:
    """Return the key and the value of the tag of a Struct; None without a tag."""
    config = cls.__struct_config__
    if config.tag is None or config.tag_field is None:
        return None
    return config.tag_field, config.tag


def is_list(cls: type[msgspec.Struct]) -> bool:
    """Return whether the JSON form of a Struct is a list."""
    return bool(cls.__struct_config__.array_like)
