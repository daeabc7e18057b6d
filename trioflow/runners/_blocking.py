"""What runners that have no event loop for a body say to those that need one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trioflow._signature import kind_of
from trioflow.errors import DefinitionError


def check_blocking(fn: Callable[..., Any], where: str, place: str) -> None:
    """Check that *fn* is a plain function. For ``Runner.check``.

    Args:
      where: What the function belongs to: ``"step 'resize'"``.
      place: Where it is to run: ``"in a thread"``.

    Raises:
      DefinitionError: if it is async.
    """
    if kind_of(fn, where) != "blocking":
        raise DefinitionError(where, f"an async def cannot run {place}", "make it a plain def")
