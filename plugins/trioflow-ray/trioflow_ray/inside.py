"""The values that a body has, or leaves, in the object store of the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from trioflow.runners.remote import NotInWorkerError


@attrs.frozen
class Mark:
    """What a journal and a message have of a Ref."""

    object: str
    """The id of the object, which is unique among all clusters."""
    step: str
    """The step that has made it."""
    size: int
    """Bytes in the object store."""


ONLY_OUTPUT = "a new Ref can only be the output of a step, annotated with -> Ref[...]"


@attrs.define(eq=False)
class Inside:
    """The Refs of the body that runs in this process."""

    step: str
    may_give: bool
    """Whether the output is a Ref."""
    received: Mapping[str, Any]
    """The values of what the body has received, by the ids of their objects."""
    given: Any = None
    """The value of the Ref that the body has made and returned."""

    def value_of(self, mark: Mark) -> Any:
        """Return what a Ref refers to."""
        if mark.object in self.received:
            return self.received[mark.object]
        remedy = "make the Ref part of the step's input, so that its value is brought here"
        raise NotInWorkerError(self.step, f"get() of a Ref of step {mark.step!r}", remedy)

    def give(self, value: Any) -> None:
        """Set a value aside for the object store.

        Raises:
          TypeError: if the output of the body is not a Ref.
        """
        if not self.may_give:
            raise TypeError(ONLY_OUTPUT)
        self.given = value


INSIDE: list[Inside] = []
"""Empty in other processes than those in which bodies run."""
