"""The JSON form of members of enums and of other constants."""

from __future__ import annotations

import json
import weakref
from collections.abc import Iterable, MutableMapping
from enum import Enum, Flag, FlagBoundary
from typing import Any

import attrs

from trioflow._values.structure import type_name
from trioflow.errors import Fault, FaultsError, NotSerializableError
from trioflow.wire._plain import write

MOST_FLAGS = 6
"""The number of flags up to which all combinations are listed."""


@attrs.frozen
class Members:
    """The members of an enum by their JSON form.

    That is the JSON form of their values, or their names if a value has none of its own: an
    object, a function, infinity, or the JSON form of another value.
    """

    plain: dict[str, Any]
    """The JSON form of each member, by name."""
    by_text: dict[str, Enum]
    """The members by the text of that form."""
    by_value: bool
    has_own_rule: bool
    """Whether code of the enum decides which other values it takes, in ``_missing_``."""


_known: MutableMapping[type[Enum], Members] = weakref.WeakKeyDictionary()


def members_of(cls: type[Enum]) -> Members:
    """Return the members of an enum by their JSON form."""
    found = _known.get(cls)
    if found is None:
        found = _known[cls] = _members(cls)
    return found


def _members(cls: type[Enum]) -> Members:
    values = {member.name: _plain_value(member) for member in cls}
    texts = {_text(plain) for plain in values.values() if plain is not _NONE}
    by_value = len(texts) == len(values)
    plain = values if by_value else {name: name for name in values}
    by_text = {_text(plain[member.name]): member for member in cls}
    has_own_rule = _rule_of(cls) not in (_rule_of(Enum), _rule_of(Flag))
    return Members(plain, by_text, by_value, has_own_rule)


_NONE = object()


def _rule_of(cls: Any) -> Any:
    return getattr(cls._missing_, "__func__", cls._missing_)


def _plain_value(member: Enum) -> Any:
    try:
        return write(member.value, None)
    except NotSerializableError:
        return _NONE


def _text(plain: Any) -> str:
    return json.dumps(plain, sort_keys=True)


# ---------------------------------------------------------------- both directions
def member_to_json(member: Enum) -> Any:
    """Return the JSON form of a member, or the integer of combined flags."""
    return members_of(type(member)).plain.get(member.name, member.value)


def structure_member(value: Any, cls: type[Enum]) -> Enum:
    """Return a member of an enum: itself, or by its JSON form."""
    if isinstance(value, cls):
        return value
    members, text = members_of(cls), json_text(value)
    member = None if text is None else members.by_text.get(text)
    if member is None and type(value) is int and issubclass(cls, Flag):
        member = _combined(value, cls)
    if member is None and (members.has_own_rule or text is None):
        member = _by_its_rule(value, cls)
    if member is not None:
        return member
    known = ", ".join(repr(each) for each in members.plain.values())
    problem = f"expected {cls.__name__} (one of {known}), received {value!r}"
    raise FaultsError((Fault("", problem, cls.__name__, type_name(type(value))),))


def _combined(value: int, cls: Any) -> Enum | None:
    """Return combined flags; None if the value has other bits, which the enum may drop."""
    try:
        flags = cls(value)
    except ValueError:
        return None
    return flags if isinstance(flags, cls) and flags.value == value else None


def _by_its_rule(value: Any, cls: Any) -> Enum | None:
    try:
        member: Any = cls(value)
    except (ValueError, TypeError, KeyError):  # a user's _missing_ may raise the latter two
        return None
    if not isinstance(member, cls):
        return None
    # Enums compare values with ==, so True finds the member with value 1.
    is_other = member.value == value and type(member.value) is not type(value)
    return None if is_other else member


# ---------------------------------------------------------------- constants
def constant_to_json(option: Any) -> Any:
    """Return the JSON form of an option of a ``Literal``."""
    return member_to_json(option) if isinstance(option, Enum) else write(option, None)


def json_text(value: Any) -> str | None:
    """Return the text of a JSON value, by which equal values are found; None if it is no JSON."""
    try:
        return json.dumps(value, sort_keys=True, allow_nan=False) if type(value) in _JSON else None
    except (TypeError, ValueError):
        return None


_JSON = (str, int, float, bool, type(None), list, dict, tuple)


# ---------------------------------------------------------------- described
def schema_of_members(cls: type[Enum]) -> dict[str, Any]:
    """Return the JSON Schema of an enum."""
    members = members_of(cls)
    if issubclass(cls, Flag) and len(cls):
        return _schema_of_flags(cls)
    return schema_of_constants(members.plain.values())


def schema_of_constants(plain: Iterable[Any]) -> dict[str, Any]:
    """Return the JSON Schema of some JSON values."""
    values = list(plain)
    if not values:
        return {"not": {}}
    return {"const": values[0]} if len(values) == 1 else {"enum": values}


def _schema_of_flags(cls: Any) -> dict[str, Any]:
    words = ", ".join(f"{member.value} {member.name}" for member in cls)
    if cls._boundary_ is FlagBoundary.KEEP:
        return {"type": "integer", "minimum": 0, "description": f"a sum of {words} and others"}
    mask: int = cls._flag_mask_
    is_dense = mask & (mask + 1) == 0
    if not is_dense and mask.bit_count() <= MOST_FLAGS:
        sums = [value for value in range(mask + 1) if value & mask == value]
        return {"enum": sums}
    return {"type": "integer", "minimum": 0, "maximum": mask, "description": f"a sum of {words}"}
