"""Scalar values: numbers, strings, enums, and values that JSON carries as a string."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from types import NoneType
from typing import Any, TypeAlias
from uuid import UUID

from trioflow._values.structure import expect, type_name, wrong_type
from trioflow.errors import Fault, FaultsError

Hook: TypeAlias = Callable[[Any, Any], Any]
"""Takes ``(value, type)``, as cattrs calls it."""

MICROSECOND = timedelta(microseconds=1)


def is_none(cls: Any) -> bool:
    """Return whether only None fits."""
    return cls is None or cls is NoneType


def structure_none(value: Any, _: Any) -> None:
    """Return None; anything else is a fault."""
    if value is not None:
        raise wrong_type(None, value)


def is_enum(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, Enum)


def structure_member(value: Any, cls: type[Enum]) -> Enum:
    """Return a member of an enum: itself, or by its value."""
    if isinstance(value, cls):
        return value
    try:
        member = cls(value)
    except (ValueError, TypeError, KeyError):  # a user's _missing_ may raise the latter two
        member = None
    # Enums compare values with ==, so True finds the member with value 1.
    if member is None or (member.value == value and type(member.value) is not type(value)):
        known = ", ".join(repr(each.value) for each in cls)
        problem = f"expected {cls.__name__} (one of {known}), received {value!r}"
        raise FaultsError((Fault("", problem, cls.__name__, type_name(type(value))),))
    return member


def _int(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(int, value)
    return value


def _float(value: Any) -> float:
    if isinstance(value, float):
        return value
    # An int is accepted as a float, as by type checkers.
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(float, value)
    try:
        converted = float(value)
    except OverflowError:
        converted = 0.0
    if converted != value:
        problem = f"{value} cannot be a float without loss"
        raise FaultsError((Fault("", problem, "float", "int"),))
    return converted


def _exactly(cls: type) -> Callable[[Any], Any]:
    return lambda value: expect(value, cls)


def _from_text(cls: type, parse: Callable[[str], Any]) -> Callable[[Any], Any]:
    def structure(value: Any) -> Any:
        if isinstance(value, cls):
            return value
        if not isinstance(value, str):
            raise wrong_type(cls, value)
        try:
            return parse(value)
        except (ValueError, ArithmeticError) as exc:
            problem = f"{value!r} is not a {type_name(cls)}"
            raise FaultsError((Fault("", problem, type_name(cls), "str"),)) from exc

    return structure


def plain_text(text: str) -> Any:
    """Return the value of a member of a str enum, and any other string unchanged."""
    return text.value if isinstance(text, Enum) else text


def seconds_text(value: timedelta) -> str:
    """Return a duration in seconds as a string, to the microsecond."""
    seconds = str(Decimal(value // MICROSECOND).scaleb(-6))
    return seconds.removesuffix("000000").removesuffix(".") or "0"


def parse_seconds(text: str) -> timedelta:
    """Return the duration of a string with seconds.

    Raises:
      ArithmeticError, ValueError: if it is not a duration, or is too long.
    """
    seconds = Decimal(text)
    if abs(seconds) > Decimal(timedelta.max.days + 1) * 86400:  # else int() may run for very long
        raise OverflowError(text)
    return int((seconds * 1_000_000).to_integral_value()) * MICROSECOND


TEXT_FORMS: dict[type, Callable[[str], Any]] = {
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    time: time.fromisoformat,
    timedelta: parse_seconds,
    Path: Path,
    UUID: UUID,
    Decimal: Decimal,
    bytes: lambda text: base64.b64decode(text, validate=True),
}
"""Types that JSON carries as a string, and how to read the string."""


def _hook(base: type, structure: Callable[[Any], Any]) -> Hook:
    """Return a hook for *base*; cattrs also calls it for subclasses."""

    def hook(value: Any, cls: Any) -> Any:
        if cls is base:
            return structure(value)
        return structure_member(value, cls) if is_enum(cls) else expect(value, cls)

    return hook


HOOKS: dict[type, Hook] = {
    str: _hook(str, _exactly(str)),
    bool: _hook(bool, _exactly(bool)),
    int: _hook(int, _int),
    float: _hook(float, _float),
    **{cls: _hook(cls, _from_text(cls, parse)) for cls, parse in TEXT_FORMS.items()},
}
