"""The rules that make a cattrs converter strict. Imports cattrs, so nothing imports it early."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from uuid import UUID

import attrs
from cattrs import Converter
from cattrs.cols import (
    is_any_set,
    is_mapping,
    is_sequence,
    list_structure_factory,
    mapping_structure_factory,
)
from cattrs.gen import make_dict_structure_fn
from cattrs.gen.typeddicts import make_dict_structure_fn as make_typeddict_structure_fn

from trioflow.errors import Fault, FaultsError
from trioflow.validation import as_mapping, expect, faults_of, type_name, wrong_type

Hook = Callable[[Any, Any], Any]


def configure(converter: Converter) -> None:
    """Register all rules. What is registered later wins, in cattrs."""
    for cls in (str, bool):
        converter.register_structure_hook(cls, expect)
    converter.register_structure_hook(int, _int)
    converter.register_structure_hook(float, _float)
    for cls, parse in TEXT_FORMS.items():
        converter.register_structure_hook(cls, _from_text(parse))
    converter.register_structure_hook_factory(is_any_set, _checked_set(converter))
    converter.register_structure_hook_factory(_is_mapping, _mapping(converter))
    converter.register_structure_hook_factory(_is_list, _list(converter))
    converter.register_structure_hook_factory(_is_tuple, _tuple(converter))
    converter.register_structure_hook_factory(typing.is_typeddict, _typeddict(converter))
    converter.register_structure_hook_factory(_is_class, _class(converter))
    converter.register_structure_hook_factory(_is_union, _union(converter))
    _register_unstructuring(converter)


# ---------------------------------------------------------------- scalars
def _int(value: Any, _: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(int, value)
    return value


def _float(value: Any, _: Any) -> float:
    # An int is accepted where a float is asked for, as type checkers do.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type(float, value)
    return float(value)


def _seconds(text: str) -> timedelta:
    return timedelta(seconds=float(text))


TEXT_FORMS: dict[type, Callable[[str], Any]] = {
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    time: time.fromisoformat,
    timedelta: _seconds,
    Path: Path,
    UUID: UUID,
    Decimal: Decimal,
    bytes: lambda text: base64.b64decode(text, validate=True),
}
"""Types that JSON can only carry as a text, and how the text is read."""


def _from_text(parse: Callable[[str], Any]) -> Hook:
    def structure(value: Any, cls: Any) -> Any:
        if isinstance(value, cls):
            return value
        if not isinstance(value, str):
            raise wrong_type(cls, value)
        try:
            return parse(value)
        except (ValueError, InvalidOperation, binascii.Error) as exc:
            problem = f"{value!r} is not a {type_name(cls)}"
            raise FaultsError((Fault("", problem, type_name(cls), "str"),)) from exc

    return structure


# ---------------------------------------------------------------- collections
def _is_tuple(cls: Any) -> bool:
    return (typing.get_origin(cls) or cls) is tuple


def _is_list(cls: Any) -> bool:
    return is_sequence(cls) and not _is_tuple(cls) and cls not in (str, bytes)


def _is_mapping(cls: Any) -> bool:
    return is_mapping(cls) and not typing.is_typeddict(cls)


def _list(converter: Converter) -> Callable[[Any], Hook]:
    def factory(cls: Any) -> Hook:
        # cattrs would take any iterable, a str among them, apart.
        inner: Hook = list_structure_factory(cls, converter)
        return lambda value, _: inner(_one_of(value, (list, tuple), cls), cls)

    return factory


def _tuple(converter: Converter) -> Callable[[Any], Hook]:
    def factory(cls: Any) -> Hook:
        arms = typing.get_args(cls) or (Any, ...)
        if arms[-1] is ...:
            items: Hook = list_structure_factory(list[arms[0]], converter)  # type: ignore[name-defined]
            return lambda value, _: tuple(items(_one_of(value, (list, tuple), cls), list))
        inner: Hook = _by_position(cls, converter)
        return lambda value, _: inner(_one_of(value, (list, tuple), cls), cls)

    return factory


def _by_position(cls: Any, converter: Converter) -> Hook:
    """Return a hook for a tuple with a type per position."""
    arms = typing.get_args(cls)
    hooks = [converter.get_structure_hook(arm) for arm in arms]

    def structure(value: Any, _: Any) -> Any:
        if len(value) != len(arms):
            raise FaultsError((Fault("", f"expected {len(arms)} items, received {len(value)}"),))
        faults: list[Fault] = []
        items = []
        for position, (item, hook, arm) in enumerate(zip(value, hooks, arms, strict=True)):
            try:
                items.append(hook(item, arm))
            except Exception as exc:
                faults += faults_of(exc, f"[{position}]")
        if faults:
            raise FaultsError(tuple(faults))
        return tuple(items)

    return structure


def _checked_set(converter: Converter) -> Callable[[Any], Hook]:
    def factory(cls: Any) -> Hook:
        element = (typing.get_args(cls) or (Any,))[0]
        inner = list_structure_factory(list[element], converter)  # type: ignore[valid-type]
        target = frozenset if (typing.get_origin(cls) or cls) is frozenset else set
        accepted = (list, tuple, set, frozenset)
        return lambda value, _: target(inner(_one_of(value, accepted, cls), list))

    return factory


def _mapping(converter: Converter) -> Callable[[Any], Hook]:
    def factory(cls: Any) -> Hook:
        inner: Hook = mapping_structure_factory(cls, converter)
        return lambda value, _: inner(_one_of(value, (Mapping,), cls), cls)

    return factory


def _one_of(value: Any, accepted: tuple[type, ...], cls: Any) -> Any:
    if not isinstance(value, accepted):
        raise wrong_type(cls, value)
    return value


# ---------------------------------------------------------------- classes
def _is_class(cls: Any) -> bool:
    origin = typing.get_origin(cls) or cls
    return isinstance(origin, type) and (attrs.has(origin) or dataclasses.is_dataclass(origin))


def _class(converter: Converter) -> Callable[[Any], Hook]:
    def factory(cls: Any) -> Hook:
        inner = make_dict_structure_fn(cls, converter, _cattrs_forbid_extra_keys=True)
        origin = typing.get_origin(cls) or cls

        def structure(value: Any, _: Any) -> Any:
            return value if isinstance(value, origin) else inner(as_mapping(value, cls), cls)

        return structure

    return factory


def _typeddict(converter: Converter) -> Callable[[Any], Hook]:
    def factory(cls: Any) -> Hook:
        inner = make_typeddict_structure_fn(cls, converter, _cattrs_forbid_extra_keys=True)
        return lambda value, _: inner(as_mapping(value, cls), cls)

    return factory


def _is_union(cls: Any) -> bool:
    return isinstance(cls, types.UnionType) or typing.get_origin(cls) is typing.Union


def _union(converter: Converter) -> Callable[[Any], Hook]:
    """Take the arm whose type the value has, else the first arm that it fits."""

    def factory(cls: Any) -> Hook:
        arms = [(arm, converter.get_structure_hook(arm)) for arm in typing.get_args(cls)]

        def structure(value: Any, _: Any) -> Any:
            if any(type(value) is arm for arm, _ in arms):
                return value
            problems = []
            for arm, hook in arms:
                try:
                    return hook(value, arm)
                except Exception as exc:
                    problems.extend(faults_of(exc))
            # A union of one class and None is by far the most frequent: say what it lacks.
            deep = [fault for fault in problems if fault.path]
            raise FaultsError(tuple(deep)) if deep else wrong_type(cls, value)

        return structure

    return factory


# ---------------------------------------------------------------- the way back
def _register_unstructuring(converter: Converter) -> None:
    for cls in (datetime, date, time):
        converter.register_unstructure_hook(cls, lambda value: value.isoformat())
    for cls in (Path, UUID, Decimal):
        converter.register_unstructure_hook(cls, str)
    converter.register_unstructure_hook(timedelta, lambda value: str(value.total_seconds()))
    converter.register_unstructure_hook(bytes, lambda value: base64.b64encode(value).decode())
