"""Classes with named fields, made while Hypothesis looks for types that fail."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import attrs
from hypothesis import strategies as st
from typing_extensions import ReadOnly, TypedDict

from trioflow.context import MISSING
from trioflow.testing.strategies._typed import TypedValues


@attrs.frozen
class Member:
    """A field of a class that is to be made."""

    name: str
    typed: TypedValues
    """Its type, and a strategy of its values."""
    default: Any = MISSING
    """A value of it; `trioflow.context.MISSING` if it is required."""
    choice: int = 0
    """A number to choose among the ways of declaring a field."""

    @property
    def is_required(self) -> bool:
        return self.default is MISSING


ClassMaker: TypeAlias = Callable[[Sequence[Member], int], TypedValues]
"""Makes a class with fields, required ones first, and a strategy for its instances.

The number is to choose among the ways of declaring a class: frozen, with slots, ...
"""


def attrs_class(members: Sequence[Member], choice: int) -> TypedValues:
    """Make an attrs class."""
    fields = {each.name: attrs.field(type=each.typed.type, **_default(each)) for each in members}
    cls: Any = attrs.make_class(
        "Made",
        fields,
        frozen=bool(choice & 1),
        slots=bool(choice & 2),
        kw_only=bool(choice & 4),
        eq=True,
    )
    return TypedValues(cls, instances(cls, members), kinds=("object",))


def _default(member: Member) -> dict[str, Any]:
    if member.is_required:
        return {}
    if _is_mutable(member.default) or member.choice & 1:
        return {"default": attrs.Factory(lambda: member.default)}
    return {"default": member.default}


def _is_mutable(value: Any) -> bool:
    return type(value).__hash__ is None


def data_class(members: Sequence[Member], choice: int) -> TypedValues:
    """Make a dataclass."""
    fields = []
    for each in members:
        extra: dict[str, Any] = {}
        if not each.is_required:
            is_made = _is_mutable(each.default) or each.choice & 1
            extra = (
                {"default_factory": lambda value=each.default: value}
                if is_made
                else {"default": each.default}
            )
        fields.append((each.name, each.typed.type, dataclasses.field(**extra)))
    cls: Any = dataclasses.make_dataclass(
        "Made",
        fields,
        frozen=bool(choice & 1),
        slots=bool(choice & 2),
        kw_only=bool(choice & 4),
    )
    return TypedValues(cls, instances(cls, members), kinds=("object",))


def typed_dict(members: Sequence[Member], choice: int) -> TypedValues:
    """Make a TypedDict. Fields with a default are keys that may be missing."""
    is_total = bool(choice & 1)
    hints = {each.name: _marked(each, is_total) for each in members}
    # Type checkers only accept names and fields that they know.
    cls = typing.cast("Any", TypedDict)("Made", hints, total=is_total)
    values = st.fixed_dictionaries(
        {each.name: each.typed.values for each in members if each.is_required},
        optional={each.name: each.typed.values for each in members if not each.is_required},
    )
    return TypedValues(cls, values, kinds=("object",))


def _marked(member: Member, is_total: bool) -> Any:
    hint = member.typed.type
    if member.choice & 2:
        hint = ReadOnly[hint]
    if member.is_required != is_total or member.choice & 1:
        marker: Any = typing.Required if member.is_required else typing.NotRequired
        hint = marker[hint]
    return hint


def named_tuple(members: Sequence[Member], choice: int) -> TypedValues:
    """Make a NamedTuple."""
    cls = typing.cast("Any", NamedTuple)("Made", [(each.name, each.typed.type) for each in members])
    defaults = {each.name: each.default for each in members if not each.is_required}
    cls.__new__.__defaults__ = tuple(defaults.values())
    cls._field_defaults = defaults
    return TypedValues(cls, instances(cls, members), kinds=("array",))


CLASS_MAKERS: tuple[ClassMaker, ...] = (attrs_class, data_class, typed_dict, named_tuple)
"""Makers of all kinds of classes that trioflow supports itself."""


def instances(cls: Callable[..., Any], members: Sequence[Member]) -> st.SearchStrategy[Any]:
    """Return a strategy for instances of a class, with and without its fields with defaults."""
    given = st.fixed_dictionaries(
        {each.name: each.typed.values for each in members if each.is_required},
        optional={each.name: each.typed.values for each in members if not each.is_required},
    )

    def make(values: Mapping[str, Any]) -> Any:
        return cls(**values)

    return given.map(make)


NAMES = ("a", "b", "items", "keys", "name", "type", "value", "self_")


@st.composite
def made_classes(
    draw: st.DrawFn, inner: st.SearchStrategy[TypedValues], makers: Sequence[ClassMaker]
) -> TypedValues:
    """Draw a class whose fields have the types that *inner* generates."""
    members = []
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=3, unique=True)):
        typed = draw(inner)
        default = draw(typed.values) if draw(st.booleans()) else MISSING
        members.append(Member(name, typed, default, draw(st.integers(0, 7))))
    members.sort(key=lambda each: not each.is_required)
    make = draw(st.sampled_from(makers))
    return make(members, draw(st.integers(0, 7)))
