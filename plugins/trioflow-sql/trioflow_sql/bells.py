"""Waking the task that waits for requests, from whatever thread."""

from __future__ import annotations

from contextlib import suppress

import trio

from trioflow_sql.database import Presence


class Listener:
    """What an owner that is open in a store listens with."""

    presence: Presence

    def __init__(self, token: trio.lowlevel.TrioToken) -> None:
        self._token = token
        self._rung = False
        self._waiting = trio.lowlevel.ParkingLot()

    def ring(self) -> None:
        """Wake who waits. May be called in any thread."""
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self.wake, idempotent=True)

    def wake(self) -> None:
        """Wake who waits, and whoever waits next, until something is taken."""
        self._rung = True
        self._waiting.unpark_all()

    async def rings(self) -> bool:
        """Wait until it rings or it is time for a look; tell whether it rang."""
        if self._rung:
            await trio.lowlevel.checkpoint()
            return True
        with trio.move_on_after(self.presence.poll):
            await self._waiting.park()
        return self._rung

    def mute(self) -> None:
        """Have those wait who wait from now on."""
        self._rung = False
