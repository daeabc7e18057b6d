"""Wake the task that waits for requests, from any thread."""

from __future__ import annotations

from contextlib import suppress

import trio

from trioflow_sql.database import Presence


class Listener:
    """Waits for requests for an owner that is open in a store."""

    presence: Presence

    def __init__(self, token: trio.lowlevel.TrioToken) -> None:
        self._token = token
        self._rung = False
        self._waiting = trio.lowlevel.ParkingLot()

    def ring(self) -> None:
        """Wake waiting tasks. May be called in any thread."""
        with suppress(trio.RunFinishedError):
            self._token.run_sync_soon(self.wake, idempotent=True)

    def wake(self) -> None:
        """Wake waiting tasks; later ones do not wait either, until `mute` is called."""
        self._rung = True
        self._waiting.unpark_all()

    async def rings(self) -> bool:
        """Wait until it rings or the poll interval is over; return whether it rang."""
        if self._rung:
            await trio.lowlevel.checkpoint()
            return True
        with trio.move_on_after(self.presence.poll):
            await self._waiting.park()
        return self._rung

    def mute(self) -> None:
        """Make later calls of `rings` wait again."""
        self._rung = False
