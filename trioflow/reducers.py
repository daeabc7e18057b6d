"""Reducers: how updates of a field of the state are merged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from trioflow.errors import DefinitionError


@attrs.frozen
class Reducer:
    """How updates of a field are merged. Made by `reduce`."""

    merge: Callable[[Any, Any], Any]
    """Takes the value in the state and the update, and returns the new value."""


def reduce(merge: Callable[[Any, Any], Any]) -> Reducer:
    """Merge updates of a field of the state into its value, instead of replacing the value.

    This keeps the updates of all parallel arms and of all items of a foreach::

        @frozen
        class Notes:
            found: Annotated[list[str], reduce(operator.add)] = field(factory=list)

        ctx.set_state(found=["a"])  # adds to the value in the state

    Args:
      merge: Takes the value in the state and the update, and returns the new value. It must not
        change either. It is called once per update, when the step ends. Its return value is
        recorded, so it is not called again after a restart.

    Raises:
      DefinitionError: if *merge* cannot be called.
    """
    if not callable(merge):
        raise DefinitionError(
            "reduce", f"{merge!r} is not a function", "write reduce(operator.add)"
        )
    return Reducer(merge)
