"""Fields of a state whose updates are merged instead of replaced."""

from __future__ import annotations

import typing
from collections.abc import Callable, Mapping
from typing import Any

from trioflow._values.class_fields import settable_types
from trioflow.errors import Fault, InvalidValueError
from trioflow.reducers import Reducer

Merge = Callable[[Any, Any], Any]


def reducers_of(type_: Any) -> Mapping[str, Merge]:
    """Return the reducers for the fields of a state type, by name."""
    try:
        types = settable_types(type_) or {}
    except NameError:  # reported where the type is compiled
        return {}
    return {name: merge for name, hint in types.items() if (merge := _reducer_in(hint)) is not None}


def _reducer_in(hint: Any) -> Merge | None:
    if typing.get_origin(hint) is not typing.Annotated:
        return None
    return next((each.merge for each in hint.__metadata__ if isinstance(each, Reducer)), None)


def reduced(
    state: Any, updates: Mapping[str, Any], reducers: Mapping[str, Merge], step: str
) -> dict[str, Any]:
    """Return updates in which fields with a reducer are merged with *state*.

    Raises:
      InvalidValueError: if a reducer raises.
    """
    return {
        name: _merged(state, name, value, reducers[name], step) if name in reducers else value
        for name, value in updates.items()
    }


def combined(
    earlier: Mapping[str, Any], later: Mapping[str, Any], reducers: Mapping[str, Merge], step: str
) -> dict[str, Any]:
    """Combine two updates of one step call."""
    both = {name: value for name, value in later.items() if name in earlier}
    return {**earlier, **later, **reduced(earlier, both, reducers, step)}


def _merged(state: Any, name: str, value: Any, merge: Merge, step: str) -> Any:
    missing = object()
    if isinstance(state, Mapping):
        before = state.get(name, missing)
    else:
        before = getattr(state, name, missing)
    if before is missing:  # of a TypedDict, for example
        return value
    try:
        return merge(before, value)
    except Exception as exc:  # user code
        fault = Fault(name, f"its reducer raised {type(exc).__name__}: {exc}")
        raise InvalidValueError("state", f"step {step!r}", (fault,)) from exc
