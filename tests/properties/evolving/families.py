"""Ways to make a class with named fields."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import attrs

REQUIRED: Any = object()
"""Stands for no default."""
NAME = "Thing"
"""What the class is called, before it changes and after."""


@attrs.frozen
class Field:
    """A field of a class."""

    name: str
    type: Any
    default: Any = REQUIRED

    @property
    def is_required(self) -> bool:
        return self.default is REQUIRED


Make = Callable[[str, Sequence[Field]], Any]


@attrs.frozen
class Family:
    """A library that makes classes."""

    name: str
    make: Make
    plugin: str | None = None
    """The package by which trioflow knows such classes, if it does not by itself."""
    makes_dicts: bool = False
    """Whether its values are dicts, which may lack keys in place of having defaults."""

    @property
    def is_installed(self) -> bool:
        return self.plugin is None or importlib.util.find_spec(self.plugin) is not None

    def plugins(self) -> list[Any]:
        return [] if self.plugin is None else [importlib.import_module(self.plugin)]

    def value(self, cls: Any, fields: Mapping[str, Any]) -> Any:
        return dict(fields) if self.makes_dicts else cls(**fields)


def _attrs(name: str, fields: Sequence[Field]) -> Any:
    made = {
        field.name: attrs.field(type=field.type, kw_only=True)
        if field.is_required
        else attrs.field(type=field.type, kw_only=True, default=field.default)
        for field in fields
    }
    return attrs.make_class(name, made, frozen=True)


def _dataclass(name: str, fields: Sequence[Field]) -> Any:
    made = [
        (field.name, field.type, dataclasses.field(default=field.default))
        if not field.is_required
        else (field.name, field.type)
        for field in fields
    ]
    return dataclasses.make_dataclass(name, made, kw_only=True, frozen=True)


def _typed_dict(name: str, fields: Sequence[Field]) -> Any:
    return TypedDict(  # type: ignore[operator]
        name,
        {
            field.name: field.type if field.is_required else NotRequired[field.type]
            for field in fields
        },
    )


def _pydantic(name: str, fields: Sequence[Field]) -> Any:
    import pydantic

    made: dict[str, Any] = {
        field.name: (field.type, ... if field.is_required else field.default) for field in fields
    }
    return pydantic.create_model(name, **made)


def _msgspec(name: str, fields: Sequence[Field]) -> Any:
    import msgspec

    made: list[Any] = [
        (field.name, field.type) if field.is_required else (field.name, field.type, field.default)
        for field in fields
    ]
    return msgspec.defstruct(name, made, kw_only=True)


OWN = (
    Family("attrs", _attrs),
    Family("dataclass", _dataclass),
    Family("TypedDict", _typed_dict, makes_dicts=True),
)
"""Those that trioflow knows by itself."""
OTHERS = (
    Family("pydantic", _pydantic, plugin="trioflow_pydantic"),
    Family("msgspec", _msgspec, plugin="trioflow_msgspec"),
)
FAMILIES = (*OWN, *(family for family in OTHERS if family.is_installed))
"""All that there are. `.ci/run` tries those of plugins as well, once these are installed."""
