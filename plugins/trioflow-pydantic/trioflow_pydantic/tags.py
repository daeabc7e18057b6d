"""Unions with a discriminator: ``Annotated[Cat | Dog, Field(discriminator="kind")]``.

Like Pydantic, the hook selects the arm by the tag, even if the rest of the value is invalid.
Otherwise the faults of an invalid dog could say that it is not a cat.
"""

from __future__ import annotations

import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from typing import Any

from cattrs import Converter
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from trioflow.errors import Fault, FaultsError
from trioflow_pydantic.faults import path_to


def tag_key(type_: Any) -> str | None:
    """Return the name of the discriminator field of an annotated union, if any."""
    keys = (each.discriminator for each in type_.__metadata__ if isinstance(each, FieldInfo))
    return next((key for key in keys if isinstance(key, str)), None)


def reader(type_: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    """Return a hook for a union with a tag."""
    union, key = typing.get_args(type_)[0], tag_key(type_) or ""
    arms = typing.get_args(union)
    tagged = {tag: arm for arm in arms for tag in _tags(arm, key)}
    hooks = {arm: converter.get_structure_hook(arm) for arm in (*tagged.values(), union)}
    keys = [key, *(alias for arm in arms for alias in _aliases(arm, key))]
    tells_all = {*tagged.values()} == {*arms}

    def structure(value: Any, _: Any) -> Any:
        for name in keys:
            if isinstance(value, Mapping) and isinstance(value.get(name), str | int):
                arm = tagged.get(value[name])
                if arm is not None:
                    return hooks[arm](value, arm)
                if tells_all:
                    raise FaultsError((_unknown(name, value[name], tagged),))
        return hooks[union](value, union)

    return structure


def _unknown(key: str, tag: object, known: Iterable[object]) -> Fault:
    listing = ", ".join(map(repr, known))
    return Fault(path_to([key], {key: tag}), f"expected one of {listing}, received {tag!r}")


def _tags(arm: Any, key: str) -> Iterator[Any]:
    """Yield the tags of an arm in their JSON form."""
    for tag in typing.get_args(field.annotation) if (field := _field(arm, key)) else ():
        yield tag.value if isinstance(tag, Enum) else tag


def _aliases(arm: Any, key: str) -> Iterator[str]:
    field = _field(arm, key)
    if field is not None and isinstance(field.validation_alias, str):
        yield field.validation_alias


def _field(arm: Any, key: str) -> FieldInfo | None:
    is_model = isinstance(arm, type) and issubclass(arm, BaseModel)
    return arm.model_fields.get(key) if is_model else None
