"""When a run gives way to others: to its readers, to other tasks, and to cancellation."""

from __future__ import annotations

import trio

from trioflow.engine.log import RunLog

MAX_SECONDS = 0.001
"""A run that has been busy for so long lets other tasks have a turn at the next boundary."""
MAX_TURNS = 64
"""And so does one that has passed so many boundaries, however quickly."""


class Pacer:
    """Keeps one run from starving its readers and the other tasks of the program."""

    def __init__(self, log: RunLog) -> None:
        self._log = log
        self._turns = 0
        self._last_turn = 0.0
        self._held = False

    def hold(self) -> None:
        """Let no further step start."""
        self._held = True

    async def boundary(self) -> None:
        """Pass the boundary before a step.

        **Checkpoints**: always a cancellation point; a schedule point if a buffer is full,
        or if there was none for a while. A schedule point per step would cost more than
        the rest of the engine's work for it.
        """
        if self._held:
            await trio.sleep_forever()
        if self._log.journal is not None:
            await self._log.journal.wait_boundary()
        await self.give_way()
        if self._held:  # while this task waited for room
            await trio.sleep_forever()

    async def give_way(self) -> None:
        """Wait for room in the readers' buffers, and let others have a turn now and then."""
        self._turns += 1
        if self._log.congested:
            await self._log.wait_for_room()
        elif self._turns < MAX_TURNS and self._log.at - self._last_turn < MAX_SECONDS:
            await trio.lowlevel.checkpoint_if_cancelled()
            return
        else:
            await trio.lowlevel.checkpoint()
        self._turns = 0
        self._last_turn = self._log.at
