"""Group calls: they wait, and are made again, only because of calls inside them."""

from __future__ import annotations

from collections.abc import Iterable

from trioflow.addresses import Address

GROUPS = ("workflow", "foreach")
"""Kinds of calls that contain other calls. For items of a foreach, the kind does not show it."""


def items_around(scopes: Iterable[Address | None]) -> set[str]:
    """Return the items of a foreach that are workflows or contain them.

    Args:
      scopes: The scopes of the calls inside, see `Address.scope`.
    """
    known: set[Address] = set()
    for scope in scopes:
        around = scope
        while around is not None and around not in known:
            known.add(around)
            around = around.scope
    return {str(scope.with_attempt(1)) for scope in known if scope.item is not None}
