"""Check whether a step can work with the state of a workflow."""

from __future__ import annotations

import typing
from typing import Any

from typing_extensions import is_typeddict

from trioflow._values.structure import type_name
from trioflow.errors import DefinitionError


def check_state(wanted: Any, state: Any, where: str) -> None:
    """Check that the state of a run has the type that a step expects, or a subclass.

    A state without a type is a dict. A TypedDict may name some of the keys of the state.

    Args:
      wanted: Type that the step declares; Any if it declares none, None if it uses no state.
      state: Type that the outermost workflow declares.

    Raises:
      DefinitionError: if it has not.
    """
    if wanted in (Any, object, None, type(None)) or wanted == state:
        return
    found = dict if state is Any else state
    if _is_subclass(found, wanted):
        return
    problem = f"it expects state of type {type_name(wanted)}, and the workflow has "
    problem += "none" if state is Any else type_name(state)
    raise DefinitionError(where, problem, f"use Workflow(..., state={type_name(wanted)})")


def _is_subclass(found: Any, wanted: Any) -> bool:
    found, wanted = _class_of(found), _class_of(wanted)
    if is_typeddict(wanted):
        return found is dict or (is_typeddict(found) and _has_keys(found, wanted))
    try:
        return issubclass(dict if is_typeddict(found) else found, wanted)
    except TypeError:  # unions, and protocols that only type checkers can check
        return True


def _has_keys(found: Any, wanted: Any) -> bool:
    there = typing.get_type_hints(found)
    return all(key in there for key in typing.get_type_hints(wanted))


def _class_of(type_: Any) -> Any:
    origin = typing.get_origin(type_)
    return _class_of(typing.get_args(type_)[0]) if origin is typing.Annotated else origin or type_
