"""Retries of what fails because a storage is unavailable for a while."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import attrs
import trio

from trioflow.errors import StoreError

T = TypeVar("T")

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 1.0
"""Seconds before the second try of what may succeed later, and the maximum between two tries; the
pause doubles each time."""

logger = logging.getLogger("trioflow")


@attrs.define
class Retries:
    """Decides when to retry what may succeed later."""

    deadline: float
    """The end of the retries, on Trio's clock."""
    pause: float = FIRST_PAUSE

    async def run(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do something, retrying it while it may succeed later, and return what it returns.

        Raises:
          StoreError: if it cannot succeed or took too long.
        """
        while True:
            try:
                return await work()
            except StoreError as exc:
                if not await self.again(exc):
                    raise

    async def again(self, failure: StoreError) -> bool:
        """Wait before another try; return False if another try is useless."""
        if not failure.transient or trio.current_time() > self.deadline:
            return False
        logger.warning("store unavailable, trying again in %s s: %s", self.pause, failure)
        await trio.sleep(self.pause)
        self.pause = min(2 * self.pause, LONGEST_PAUSE)
        return True
