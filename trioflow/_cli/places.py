"""Addresses of calls in readable form, and the order of arms."""

from __future__ import annotations

import json
from typing import Any

import attrs

from trioflow.addresses import Address


def place_of(id: str, address: str) -> str:
    """Return the id of a call with the index of each ``foreach`` item that it is in.

    ``"load.enrich[45]"`` is the step ``enrich`` of item 45.
    """
    if "[" not in address:
        return id
    items = (outer.item for outer in Address.parse(address).walk())
    return id + "".join(f"[{item}]" for item in items if item is not None)


@attrs.frozen
class ArmOrder:
    """The order of arms in a workflow, which their addresses do not contain."""

    shape: Any = None
    """The nodes: each is its kind and its calls, and each call is its id and its own nodes."""

    @classmethod
    def read(cls, fingerprint: str) -> ArmOrder:
        """Return the order from the fingerprint of a workflow; no order if it cannot be read."""
        try:
            return cls(json.loads(fingerprint))
        except (TypeError, ValueError, RecursionError):
            return cls()

    def rank(self, address: Address) -> tuple[int, int]:
        """Return the sort key of a call among its siblings: its node, and its arm in it."""
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
        except (TypeError, LookupError, ValueError):  # a fingerprint of another version, or none
            return 0
        return 0


NO_ORDER = ArmOrder()
"""For an unknown workflow: arms keep the order in which they started."""


def _scopes(address: Address) -> list[Address]:
    """Return the calls of the nested workflows that a call is in, the outermost first."""
    found: list[Address] = []
    scope = address.scope
    while scope is not None:
        found.append(scope)
        scope = scope.scope
    return found[::-1]
