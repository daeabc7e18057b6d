"""A check for runners that cannot run async bodies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trioflow._signature import kind_of
from trioflow.errors import DefinitionError


def check_blocking(fn: Callable[..., Any], where: str, place: str) -> None:
    """Check that *fn* is a plain function. For ``Runner.check``.

    Args:
      where: What the function belongs to: ``"step 'resize'"``.
      place: Where the runner would run it: ``"in a thread"``.

    Raises:
      DefinitionError: if *fn* is async.
    """
    if kind_of(fn, where) != "blocking":
        raise DefinitionError(where, f"an async def cannot run {place}", "make it a plain def")
