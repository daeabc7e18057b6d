"""Check whether Trio runs here; otherwise, later errors would not show the cause."""

from __future__ import annotations

import sys

import trio

from trioflow.errors import NotInTrioError


def check_in_trio(what: str) -> None:
    """Check that Trio runs in this thread.

    Args:
      what: What was done, for the error: ``"a run was started"``.

    Raises:
      NotInTrioError: if Trio is not running; the message says what to do.
    """
    if not trio.lowlevel.in_trio_run():
        raise NotInTrioError(what, _has_asyncio())


def _has_asyncio() -> bool:
    asyncio = sys.modules.get("asyncio")  # not imported just for this check
    return asyncio is not None and asyncio._get_running_loop() is not None
