"""How updates of a field of the state are merged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from trioflow.errors import DefinitionError


@attrs.frozen
class Reducer:
    """Says how updates of a field are merged; made by `reduce`."""

    merge: Callable[[Any, Any], Any]
    """Takes the value in the state and the update, and returns the new value."""


def reduce(merge: Callable[[Any, Any], Any]) -> Reducer:
    """Have updates of a field of the state merged into its value, not put in its place.

    So the updates of parallel arms and of the items of a foreach are all there at the end::

        @frozen
        class Notes:
            found: Annotated[list[str], reduce(operator.add)] = field(factory=list)

        ctx.set_state(found=["a"])  # adds to what others have found

    Args:
      merge: Takes the value in the state and the update, and returns the new value. It must not
        change either. It is called once per update, when the step ends; what it returns is
        recorded, so no process calls it again.

    Raises:
      DefinitionError: if *merge* cannot be called.
    """
    if not callable(merge):
        raise DefinitionError("reduce", f"{merge!r} is no function", "write reduce(operator.add)")
    return Reducer(merge)
