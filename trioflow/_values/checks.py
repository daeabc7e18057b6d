"""Shallow checks of outputs: only the class of a value is checked, not its contents."""

from __future__ import annotations

import types
import typing
from collections import abc
from typing import Annotated, Any, Final, ForwardRef

from typing_extensions import is_typeddict

from trioflow._hints import alias_target, is_alias, resolved
from trioflow._values.structure import Structure

STRINGS = (str, bytes)
SEQUENCES = (abc.Sequence, abc.Iterable, abc.Collection, abc.Reversible, abc.Container)
"""Types that include strings in Python, but not for users."""


def compile_check(type_: Any, structure: Structure | None) -> Structure | None:
    """Return a function that checks the class of a value, or None if any value fits.

    The function structures a value that is not an instance of the type, like an input: a dict into
    an attrs class, an int into a float. It returns an instance unchanged.

    Args:
      structure: The function that `compile_structure` returned for the type.
    """
    if structure is None:
        return None
    classes = _classes_of(type_)
    if classes is None:  # such as a literal, which needs the value
        return structure
    takes_bool = any(isinstance(True, cls) and cls is not int for cls in classes)
    others = tuple(cls for cls in classes if cls not in SEQUENCES)

    def check(value: Any) -> Any:
        is_instance = isinstance(value, classes)
        if is_instance and isinstance(value, bool):
            is_instance = takes_bool  # in Python, True is an integer
        elif is_instance and isinstance(value, STRINGS):
            is_instance = isinstance(value, others)
        return value if is_instance else structure(value)

    exact = [cls for cls in classes if cls is not types.NoneType]
    check.exact = exact[0] if exact else types.NoneType  # type: ignore[attr-defined]
    return check


def _classes_of(type_: Any) -> tuple[type, ...] | None:
    """Return the classes of a type's instances; None if the class is not sufficient."""
    origin, arguments = typing.get_origin(type_), typing.get_args(type_)
    if type_ is None:
        return (types.NoneType,)
    if isinstance(type_, typing.NewType):
        return _classes_of(type_.__supertype__)
    if origin in (Annotated, Final):
        return _classes_of(arguments[0])
    if isinstance(type_, ForwardRef):
        return _classes_of(resolved(type_))
    if is_alias(type_):
        return _classes_of(alias_target(type_))
    if origin in (typing.Union, types.UnionType):
        arms = [_classes_of(arm) for arm in arguments]
        if any(arm is None for arm in arms):
            return None
        return tuple(cls for arm in arms for cls in arm or ())
    if is_typeddict(origin or type_):
        return (dict,)
    return _class(origin or type_)


def _class(cls: Any) -> tuple[type, ...] | None:
    try:
        isinstance(None, cls)
    except TypeError:  # a protocol that only type checkers can check
        return None
    return (cls,) if isinstance(cls, type) else None
