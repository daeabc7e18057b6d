"""Scalar values: numbers, strings, enums, and values that JSON carries as a string."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from functools import partial
from types import NoneType
from typing import Any, TypeAlias

from trioflow._values.members import member_to_json, structure_member
from trioflow._values.structure import expect, type_name, wrong_type
from trioflow._values.texts import TEXTS, text_of
from trioflow.errors import Fault, FaultsError

Hook: TypeAlias = Callable[[Any, Any], Any]
"""Takes ``(value, type)``, as cattrs calls it."""


def is_none(cls: Any) -> bool:
    """Return whether only None fits."""
    return cls is None or cls is NoneType


def structure_none(value: Any, _: Any) -> None:
    """Return None; anything else is a fault."""
    if value is not None:
        raise wrong_type(None, value)


def is_enum(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, Enum)


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


def plain_text(text: str) -> Any:
    """Return the JSON form of a member of a str enum, and any other string unchanged."""
    return member_to_json(text) if isinstance(text, Enum) else text


# ---------------------------------------------------------------- as strings
def structure_text(value: Any, cls: Any) -> Any:
    """Return an instance of a class of `TEXTS`, or of a subclass: itself, or from a string."""
    if isinstance(value, cls):
        return value
    text = text_of(cls)
    if text is None or not isinstance(value, str):
        raise wrong_type(cls, value)
    try:
        # Checked, because Python itself also reads other spellings of dates and numbers.
        if cls is bytes or text.matches(value):
            return text.read(cls, value)
    except (ValueError, ArithmeticError) as exc:
        raise _not_a(cls, value) from exc
    raise _not_a(cls, value)


def _not_a(cls: Any, value: str) -> FaultsError:
    problem = f"{value!r} is not a {type_name(cls)}"
    return FaultsError((Fault("", problem, type_name(cls), "str"),))


def _read(cls: Any, text: str) -> Any:
    return TEXTS[cls].read(cls, text)


TEXT_FORMS: dict[type, Callable[[str], Any]] = {cls: partial(_read, cls) for cls in TEXTS}
"""How recorded strings are read: in any spelling that Python itself reads."""


# ---------------------------------------------------------------- hooks
def _hook(base: type, structure: Callable[[Any], Any]) -> Hook:
    """Return a hook for *base*; cattrs also calls it for subclasses."""

    def hook(value: Any, cls: Any) -> Any:
        if cls is base:
            return structure(value)
        if is_enum(cls):
            return structure_member(value, cls)
        return value if isinstance(value, cls) else _made(cls, structure(value))

    hook.is_of_scalar = True  # type: ignore[attr-defined]  # see PluginHost.schema
    return hook


def _made(cls: Any, bare: Any) -> Any:
    """Return an instance of ``class Word(str)``."""
    try:
        made = cls(bare)
    except Exception as exc:
        problem = f"{cls.__name__} refuses it: {exc}"
        raise FaultsError((Fault("", problem, cls.__name__),)) from exc
    return expect(made, cls)


HOOKS: dict[type, Hook] = {
    str: _hook(str, _exactly(str)),
    bool: _hook(bool, _exactly(bool)),
    int: _hook(int, _int),
    float: _hook(float, _float),
    **dict.fromkeys(TEXTS, structure_text),
}
