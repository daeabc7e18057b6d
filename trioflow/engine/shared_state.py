"""The typed state that the steps of a run share: how it begins, and how keys are checked."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from trioflow.errors import Fault, InvalidValueError
from trioflow.validation import compile_structure, join

if TYPE_CHECKING:
    from cattrs import Converter

Updates = Mapping[str, Any]


def initial_state(
    type_: Any, owner: str, converter: Callable[[], Converter]
) -> Callable[[Any], Any]:
    """Return a function that makes the initial state from what the caller gave, or None.

    The function raises InvalidValueError if that does not fit the type, or if nothing was
    given and the type has no default.
    """
    if type_ is Any:
        return lambda given: {} if given is None else given
    structure = compile_structure(type_, "initial state", owner, converter)

    def make(given: Any) -> Any:
        # A state whose fields all have defaults need not be given.
        value = {} if given is None else given
        return value if structure is None else structure(value)

    return make


def state_fields(
    type_: Any, owner: str, converter: Callable[[], Converter]
) -> Callable[[Updates], Updates] | None:
    """Return a function that structures the keys of an update, or None for a plain dict.

    The function raises InvalidValueError for keys the type does not have, and for values
    that do not fit.
    """
    types = _field_types(type_)
    if types is None:
        return None
    structures = {
        name: compile_structure(field_type, "state", owner, converter)
        for name, field_type in types.items()
    }

    def check(updates: Updates) -> Updates:
        faults = [Fault(name, "unknown key") for name in updates if name not in structures]
        checked = {}
        for name, value in updates.items():
            structure = structures.get(name)
            try:
                checked[name] = value if structure is None else structure(value)
            except InvalidValueError as exc:
                faults += [attrs.evolve(fault, path=join(name, fault.path)) for fault in exc.faults]
        if faults:
            raise InvalidValueError("state", owner, tuple(faults))
        return checked

    return check


def _field_types(type_: Any) -> Mapping[str, Any] | None:
    if isinstance(type_, type) and attrs.has(type_):
        resolved = attrs.resolve_types(type_)
        return {field.name: field.type or Any for field in attrs.fields(resolved)}
    if dataclasses.is_dataclass(type_) or typing.is_typeddict(type_):
        return typing.get_type_hints(type_)
    return None
