"""The typed state that the steps of a run share: how it begins and how updates are checked."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import attrs

from trioflow._values.class_fields import settable_types
from trioflow._values.structure import (
    Structure,
    compile_structure,
    faults_of,
    join,
    type_name,
)
from trioflow.errors import DefinitionError, Fault, InvalidValueError
from trioflow.record import merge_state

if TYPE_CHECKING:
    from cattrs import Converter

Updates = Mapping[str, Any]


def initial_state(
    type_: Any, owner: str, converter: Callable[[], Converter], *, validate: bool
) -> Callable[[Any], Any]:
    """Return a function that makes the initial state from the caller's value, or None.

    The function raises InvalidValueError if the value does not fit the type, or if it is missing
    and the type has no default.
    """
    structure = compile_structure(type_, "initial state", owner, converter)

    def make(given: Any) -> Any:
        # A state whose fields all have defaults may be omitted.
        value = {} if given is None else given
        checked = validate or given is None
        return structure(value) if structure is not None and checked else value

    return make


def state_fields(
    type_: Any, owner: str, converter: Callable[[], Converter]
) -> Callable[[Updates], Updates] | None:
    """Return a function that structures the keys of an update; None if any value is valid.

    The function raises InvalidValueError for keys that the type does not have, and for values that
    do not fit.

    Raises:
      DefinitionError: if the type has no keys that steps could set.
    """
    find = _field_finder(type_, owner, converter)
    if find is None:
        return None

    def check(updates: Updates) -> Updates:
        faults: list[Fault] = []
        checked = {}
        for name, value in updates.items():
            try:
                structure = find(name)
                checked[name] = value if structure is None else structure(value)
            except KeyError:
                faults.append(Fault(name, "unknown key"))
            except InvalidValueError as exc:
                faults += [attrs.evolve(fault, path=join(name, fault.path)) for fault in exc.faults]
        if faults:
            raise InvalidValueError("state", owner, tuple(faults))
        return checked

    return check


def step_state_fields(
    type_: Any, owner: str, converter: Callable[[], Converter]
) -> Callable[[Updates], Updates] | None:
    """Return what `state_fields` does for the state that a step declares; None without fields.

    The state may have more fields than the step declares. The step sets only its own.
    """
    origin = typing.get_origin(type_) or type_
    is_mapping = isinstance(origin, type) and issubclass(origin, Mapping)
    has_fields = is_mapping or settable_types(type_) is not None
    return state_fields(type_, owner, converter) if has_fields else None


def check_merge(state: Any, updates: Updates, step: str) -> None:
    """Check that *updates* can be merged into *state*; its own validators may reject them.

    Raises:
      InvalidValueError: if they cannot.
    """
    try:
        merge_state(state, updates)
    except Exception as exc:
        raise InvalidValueError("state", f"step {step!r}", tuple(faults_of(exc))) from exc


def _field_finder(
    type_: Any, owner: str, converter: Callable[[], Converter]
) -> Callable[[str], Structure | None] | None:
    """Return a function that gives the structure of a field, and raises KeyError if it has none."""

    def compile_(type_: Any) -> Structure | None:
        return compile_structure(type_, "state", owner, converter)

    fields = settable_types(type_, converter)
    if fields is not None:
        return {name: compile_(field_type) for name, field_type in fields.items()}.__getitem__
    origin, arguments = typing.get_origin(type_) or type_, typing.get_args(type_)
    if type_ in (Any, object) or origin is types.UnionType or not isinstance(origin, type):
        return None
    if not issubclass(origin, Mapping):
        remedy = "use an attrs class, a dataclass, a TypedDict or a dict"
        raise DefinitionError(owner, f"its state is of type {type_name(type_)}", remedy)
    structure = compile_(arguments[-1]) if arguments else None
    return lambda name: structure
