"""When a run gives way to others: to its readers, to other tasks, and to cancellation."""

from __future__ import annotations

from collections.abc import Awaitable

import trio

# Imported by name: an attribute of the module trio is looked up each time (shortcut `own-name`).
from trio.lowlevel import checkpoint_if_cancelled

from trioflow._engine.base.habits import Habits, Reputation
from trioflow._engine.base.ports import Journal
from trioflow._engine.stream.log import RunLog

MAX_SECONDS = 0.0005
"""A run that has been busy for this many seconds gives other tasks a turn at the next boundary."""
MAX_TURNS = 64
"""A run also does so after this many boundaries."""


class Pacer:
    """Keeps one run from starving its readers and the other tasks of the program."""

    def __init__(self, log: RunLog, reputation: Reputation) -> None:
        self._log = log
        self._readers = log.readers
        self._reputation = reputation
        self._habits: Habits | None = None
        """Created for the first function that is not trusted."""
        self._brief = reputation.trusted
        self._journal: Journal | None = None
        self._held = False
        self._stopped: trio.lowlevel.ParkingLot | None = None
        """Where tasks that are about to begin a step wait; created for the first one."""
        self._is_gated = False
        """Whether a boundary may have to wait for more than time and room."""
        self._turns_left = 0
        self._turn_ends = 0.0

    @property
    def has_given_way(self) -> bool:
        """Whether other tasks have had a turn since the run began, or just before."""
        return self._turn_ends > 0

    def begin_turn(self) -> None:
        """Start a whole turn now, because others have just had theirs."""
        self._turns_left = MAX_TURNS
        # From now, not from the last event: the turns of others do not count for this run.
        self._turn_ends = self._log.now() + MAX_SECONDS

    def follow(self, journal: Journal) -> None:
        """Make boundaries wait for a journal, as its durability demands."""
        self._journal, self._is_gated = journal, True

    def hold(self) -> None:
        """Stop further steps from starting, until `let_go`."""
        self._held = self._is_gated = True

    def let_go(self) -> None:
        """Let steps start again."""
        self._held = False
        if self._stopped is not None:
            self._stopped.unpark_all()

    # None of these is async, so that the only coroutine before most steps or chunks is Trio's own
    # (shortcut `no-coroutine`).
    def boundary(self, function: object = None) -> Awaitable[None]:
        """Pass the boundary before a step: ``await pacer.boundary(function)``.

        If the step calls a function that may block the loop, readers first see what has happened.

        **Checkpoints**: always a cancellation point; a schedule point if a buffer is full, if there
        was none for a while, or as for `slow_boundary`. A schedule point per step would cost much
        more (shortcut `few-turns`).
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
        """Record that a function ran so long that others may have had to wait."""
        if function is not None:
            self._own_habits().was_long(function)

    def _own_habits(self) -> Habits:
        if self._habits is None:
            self._habits = Habits(self._reputation)
            self._brief = self._habits.brief
        return self._habits

    async def slow_boundary(self) -> None:
        """Pass the boundary before a step that may block the loop.

        **Checkpoints**: as for `boundary`, and a schedule point if a reader has events to read.
        """
        await self.boundary()
        await self._let_see()

    async def _let_see(self) -> None:
        if self._readers.has_unread:
            await self._take_turn()
            await self._stop_if_held()

    def give_way(self) -> Awaitable[None]:
        """Wait for room in the readers' buffers, and regularly let others have a turn.

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
        await self._stop_if_held()  # it may have been held while this task waited
        if is_careful:
            await self._let_see()

    async def _stop_if_held(self) -> None:
        while self._held:
            if self._stopped is None:
                self._stopped = trio.lowlevel.ParkingLot()
            await self._stopped.park()
