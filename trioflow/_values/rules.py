"""The rules that make a cattrs converter strict. Imports cattrs, so it is imported late.

All hooks return a value that already fits unchanged, as the same object, at any depth. So
structuring a value again is cheap, unions can find the arm of a value, and no object that a step
holds is copied implicitly.
"""

from __future__ import annotations

import binascii
import typing
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

from cattrs import Converter

from trioflow._hints import is_alias
from trioflow._values import classes, containers, scalars, special
from trioflow._values.members import member_to_json, structure_member
from trioflow._values.scalars import Hook
from trioflow._values.structure import accept
from trioflow._values.texts import seconds_text

Factory: TypeAlias = Callable[[Any, Converter], Hook]


class StrictConverter(Converter):
    """A strict converter that also holds the shapes of plugins' classes."""

    def __init__(self) -> None:
        super().__init__(forbid_extra_keys=True, detailed_validation=True)
        self.shapes: list[Any] = []
        """See `trioflow._forms.shapes.register_shape`."""


def configure(converter: Converter) -> None:
    """Register all rules. In cattrs, the last registered rule wins."""
    for cls, hook in scalars.HOOKS.items():
        converter.register_structure_hook(cls, hook)
    # First, so that the lenient rules of cattrs are never reached.
    converter.register_structure_hook_factory(lambda cls: True, special.instance_hook)
    converter.register_structure_hook_func(special.is_anything, accept)
    converter.register_structure_hook_func(special.is_protocol, accept)
    converter.register_structure_hook_func(scalars.is_none, scalars.structure_none)
    converter.register_structure_hook_func(scalars.is_enum, structure_member)
    for predicate, factory in (
        (containers.is_list, containers.list_hook),
        (containers.is_iterable, containers.iterable_hook),
        (containers.is_set, containers.set_hook),
        (containers.is_tuple, containers.tuple_hook),
        (containers.is_mapping, containers.mapping_hook),
        (classes.is_class, allow_recursion(classes.class_hook)),
        (classes.is_named_tuple, allow_recursion(classes.named_tuple_hook)),
        (classes.is_typed_dict, allow_recursion(classes.typed_dict_hook)),
        (special.is_literal, special.literal_hook),
        (special.is_union, special.union_hook),
        (special.is_type_variable, special.type_variable_hook),
        (special.is_wrapper, special.wrapper_hook),
        (special.is_string, special.string_hook),
        (is_alias, allow_recursion(special.alias_hook)),
        (special.is_reference, allow_recursion(special.reference_hook)),
    ):
        converter.register_structure_hook_factory(predicate, factory)
    _register_unstructuring(converter)


def allow_recursion(factory: Factory) -> Factory:
    """Return a factory for types that may be recursive, for one converter."""
    hooks: dict[Any, Hook | None] = {}

    def make(cls: Any, converter: Converter) -> Hook:
        if cls in hooks:  # being made: its parts are looked up when they are needed
            return lambda value, _: typing.cast("Hook", hooks[cls])(value, cls)
        hooks[cls] = None
        try:
            hooks[cls] = hook = factory(cls, converter)
        except BaseException:
            del hooks[cls]
            raise
        return hook

    return make


def _register_unstructuring(converter: Converter) -> None:
    # cattrs treats a member of a str enum as a string and returns it unchanged.
    converter.register_unstructure_hook(str, scalars.plain_text)
    converter.register_unstructure_hook_func(scalars.is_enum, member_to_json)
    for moment in (datetime, date, time):
        converter.register_unstructure_hook(moment, lambda value: value.isoformat())
    for text in (Path, UUID, Decimal):
        converter.register_unstructure_hook(text, str)
    converter.register_unstructure_hook(timedelta, seconds_text)
    converter.register_unstructure_hook(bytes, _base64)


def _base64(value: bytes) -> str:
    return binascii.b2a_base64(value, newline=False).decode("ascii")
