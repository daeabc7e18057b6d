"""When a run gives way to others: to its readers, to other tasks, and to cancellation."""

from __future__ import annotations

from collections.abc import Awaitable

import trio

# By its name: an attribute of the module trio would be looked up each time (shortcut `own-name`).
from trio.lowlevel import checkpoint_if_cancelled

from trioflow._engine.base.habits import Habits, Reputation
from trioflow._engine.base.ports import Journal
from trioflow._engine.stream.log import RunLog

MAX_SECONDS = 0.0005
"""A run that has been busy for so long lets other tasks have a turn at the next boundary."""
MAX_TURNS = 64
"""And so does one that has passed so many boundaries, however quickly."""


class Pacer:
    """Keeps one run from starving its readers and the other tasks of the program."""

    def __init__(self, log: RunLog, reputation: Reputation) -> None:
        self._log = log
        self._readers = log.readers
        self._reputation = reputation
        self._habits: Habits | None = None
        """Made for the first function that is not trusted."""
        self._brief = reputation.trusted
        self._journal: Journal | None = None
        self._held = False
        self._stopped: trio.lowlevel.ParkingLot | None = None
        """Where those park that were to begin a step; made for the first one."""
        self._is_gated = False
        """Whether there is anything but time and room that a boundary may have to wait for."""
        self._turns_left = 0
        self._turn_ends = 0.0

    @property
    def has_given_way(self) -> bool:
        """Whether other tasks have had a turn since the run began, or just before that."""
        return self._turn_ends > 0

    def begin_turn(self) -> None:
        """Take a whole turn from now on, because others have just had theirs."""
        self._turns_left = MAX_TURNS
        # From now, not from the last event: the turns of others are not this run's.
        self._turn_ends = self._log.now() + MAX_SECONDS

    def follow(self, journal: Journal) -> None:
        """Let boundaries wait for a journal, as its durability asks."""
        self._journal, self._is_gated = journal, True

    def hold(self) -> None:
        """Let no further step start, until `let_go`."""
        self._held = self._is_gated = True

    def let_go(self) -> None:
        """Let steps start again."""
        self._held = False
        if self._stopped is not None:
            self._stopped.unpark_all()

    # None of these is async, so that before almost every step or chunk the only coroutine is
    # Trio's own (shortcut `no-coroutine`).
    def boundary(self, function: object = None) -> Awaitable[None]:
        """Pass the boundary before a step: ``await pacer.boundary(function)``.

        If the step calls a function that may keep the loop busy, readers first see what has
        happened.

        **Checkpoints**: always a cancellation point; a schedule point if a buffer is full,
        if there was none for a while, or as for `slow_boundary`. A schedule point per step would
        cost much more (shortcut `few-turns`).
        """
        self._turns_left -= 1
        if (
            self._turns_left < 0
            or self._log.at > self._turn_ends
            or function not in self._brief
            or self._readers.congested
            or self._is_gated
        ):
            return self._pass_gates(function)
        return checkpoint_if_cancelled()  # noqa: ASYNC105 - by the caller

    def was_long(self, function: object) -> None:
        """Take note that a call of a function took so long that others may have waited."""
        if function is not None:
            self._own_habits().was_long(function)

    def _own_habits(self) -> Habits:
        if self._habits is None:
            self._habits = Habits(self._reputation)
            self._brief = self._habits.brief
        return self._habits

    async def slow_boundary(self) -> None:
        """Pass the boundary before a step that may keep the loop busy.

        **Checkpoints**: as for `boundary`, and a schedule point if a reader has events to read.
        """
        await self.boundary()
        await self._let_see()

    async def _let_see(self) -> None:
        if self._readers.has_unread:
            await self._take_turn()
            await self._stop_if_held()

    def give_way(self) -> Awaitable[None]:
        """Wait for room in the readers' buffers, and let others have a turn now and then.

        **Checkpoints**: as for `boundary`.
        """
        self._turns_left -= 1
        if self._turns_left < 0 or self._log.at > self._turn_ends or self._readers.congested:
            return self._take_turn()
        return checkpoint_if_cancelled()  # noqa: ASYNC105 - by the caller

    async def _take_turn(self) -> None:
        if self._readers.congested:
            await self._readers.wait_for_room()
        else:
            await self._readers.let_read()
        self.begin_turn()

    async def _pass_gates(self, function: object) -> None:
        is_careful = function not in self._brief and self._own_habits().needs_care(function)
        await self._stop_if_held()
        if self._journal is not None and await self._journal.wait_boundary():
            self.begin_turn()
        await self.give_way()
        await self._stop_if_held()  # it may be since this task waited
        if is_careful:
            await self._let_see()

    async def _stop_if_held(self) -> None:
        while self._held:
            if self._stopped is None:
                self._stopped = trio.lowlevel.ParkingLot()
            await self._stopped.park()
