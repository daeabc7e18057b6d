"""Where in a run a call is, as people read it, and in which order arms stand."""

from __future__ import annotations

import json
from typing import Any

import attrs

from trioflow.addresses import Address


def place_of(id: str, address: str) -> str:
    """Return the id of a call with the items of each ``foreach`` that it is in.

    ``"load.enrich[45]"`` is the step ``enrich`` of item 45.
    """
    if "[" not in address:
        return id
    items = (outer.item for outer in Address.parse(address).walk())
    return id + "".join(f"[{item}]" for item in items if item is not None)


@attrs.frozen
class ArmOrder:
    """The order of arms in a workflow, which their addresses do not have."""

    shape: Any = None
    """The nodes: of each its kind and its calls, of each call its id and its own nodes."""

    @classmethod
    def read(cls, fingerprint: str) -> ArmOrder:
        """Return the order in the workflow with this fingerprint; none if it cannot be read."""
        try:
            return cls(json.loads(fingerprint))
        except (TypeError, ValueError, RecursionError):
            return cls()

    def rank(self, address: Address) -> tuple[int, int]:
        """Return what to sort calls beside each other by: their node, and their arm in it."""
        return address.position, self._arm(address)

    def _arm(self, address: Address) -> int:
        shape = self.shape
        try:
            for part in [*_scopes(address), address]:
                ids = [call[0] for call in shape[part.position][1:]]
                index = 0 if part.arm is None else ids.index(part.arm)
                if part is address:
                    return index
                shape = shape[part.position][1 + index][1]
        except (TypeError, LookupError, ValueError):  # of another version, or of none
            return 0
        return 0


NO_ORDER = ArmOrder()
"""Where the workflow is not known: arms stand as they were started."""


def _scopes(address: Address) -> list[Address]:
    """Return the calls of the nested workflows that a call is in, the outermost first."""
    found: list[Address] = []
    scope = address.scope
    while scope is not None:
        found.append(scope)
        scope = scope.scope
    return found[::-1]
