"""The one task of an engine that sleeps until a tick is due.

It keeps one number per schedule: when to look at it again. Everything else is read from the store
when that time has come, so what other processes have changed is seen.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from heapq import heappop, heappush

import attrs
import trio

from trioflow._calendar import is_virtual
from trioflow.abc import ScheduleStore
from trioflow.errors import StoreError
from trioflow.schedules._book import Book
from trioflow.schedules._passing import Passer

logger = logging.getLogger("trioflow")

LONGEST = 30.0
"""Seconds after which the loop looks at the clock, which may have been set, or at sleep."""
OPEN_LOOK = 2.0
"""The same while a tick waits for something that happens in another process."""
JUMP = 2.0
"""Seconds by which the clock may run ahead before that counts as sleep."""
POLL_GAP = 0.5
"""Seconds between two looks at what other processes have changed."""
ROUNDING = 2e-6
"""Seconds by which a time of the store, as a float, may seem to come early."""
AT_ONCE = 16
"""How many schedules are looked at concurrently."""
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds between tries while the store is unavailable."""
BROKEN_PAUSE = 60.0
"""Seconds until a schedule that cannot be read is looked at again."""
BATCH = 100
"""How many schedules are read without a turn for other tasks."""


def is_own_clock(store: ScheduleStore) -> bool:
    """Return whether a store shows the time of this process."""
    return getattr(type(store), "now", None) is ScheduleStore.now


@attrs.define(eq=False)
class Loop:
    """Sleeps, and looks at what is due."""

    book: Book
    _passer: Passer = attrs.field(init=False)
    _heap: list[tuple[float, str]] = attrs.field(factory=list)
    _times: dict[str, float] = attrs.field(factory=dict)
    """When to look at each schedule; other entries of the heap are outdated."""
    _looking: set[str] = attrs.field(factory=set)
    """Those that are looked at, or will be."""
    _broken: set[str] = attrs.field(factory=set)
    """Those whose problem has been logged."""
    _queue: deque[str] = attrs.field(factory=deque)
    _tasks: int = 0
    """How many tasks look at what is in the queue."""
    _ahead: float | None = None
    """The time of the store minus Trio's."""
    _since: float = math.inf
    """Since when ticks have been looked for; infinite if the loop must see the time first."""
    _pause: float = 0.0
    """Seconds until the next try; 0 while the store is available."""
    _sleeps_until: float = -math.inf
    _must_poll: bool = True
    _polled_at: float = -math.inf
    _hints_seen_to: float = math.inf
    """Up to which time hints of the store are known here. Later ones may be news."""
    _must_load: bool = True
    _has_open: bool = False

    def now(self) -> float:
        """Return the time of the store, as it was seen last and advanced with Trio's clock."""
        return trio.current_time() + (self._ahead or 0.0)

    async def run(self) -> None:
        """Decide about ticks and start their runs until canceled."""
        self._warn_of_unknown_workflows()
        async with trio.open_nursery() as nursery:
            self._passer = Passer(self.book, self.now, lambda: self._since, nursery.start_soon)
            nursery.start_soon(self._listen)
            self.book.is_kept = True
            try:
                while True:
                    await self._turn(nursery)
            finally:
                self.book.is_kept = False

    def _warn_of_unknown_workflows(self) -> None:
        """Say which declared schedules start nothing here: a schedule only names its workflow."""
        for schedule in self.book.declared.values():
            if schedule.workflow not in self.book.engine.workflows:
                logger.warning(
                    "schedule %s starts no runs here, for this engine has no workflow %r; "
                    "give it in workflows=, or return it from trioflow_workflows()",
                    schedule.id,
                    schedule.workflow,
                )

    async def _listen(self) -> None:
        while True:
            try:
                await self.book.store.wait_schedules()
            except StoreError:
                await trio.sleep(FIRST_PAUSE)
            self._must_poll = True
            self.book.changed.set()

    async def _turn(self, nursery: trio.Nursery) -> None:
        try:
            await self._see_time()
            await self._see_changes()
        except StoreError as exc:
            self._failed(exc)
            await trio.sleep(self._pause)
            return
        self._recovered()
        for id in self._take_due():
            if id not in self._looking:
                self._looking.add(id)
                self._queue.append(id)
        while self._tasks < min(AT_ONCE, len(self._queue)):
            self._tasks += 1
            nursery.start_soon(self._look_at_all)
        await self._sleep()

    async def _see_time(self) -> None:
        """See how the clocks have changed: a clock that jumped ahead means sleep."""
        ahead = await self.book.store.now() - trio.current_time()
        jumped = 0.0 if self._ahead is None else ahead - self._ahead
        self._ahead = ahead
        if jumped > JUMP or math.isinf(self._since):
            self._since = self.now()
        if jumped < -JUMP:
            self._must_load = True  # watermarks may be in the future

    async def _see_changes(self) -> None:
        """See what other processes have changed."""
        if self._may_poll() and (self._must_poll or self._has_open):
            self._must_poll = False
            self._polled_at = trio.current_time()
            try:
                waiting = await self._passer.open_schedules()
                await self._see_hints()
            except BaseException:
                self._must_poll = True
                raise
            self._has_open = bool(waiting)
            self.book.touched |= waiting
        if self._must_load:
            await self._load()

    async def _see_hints(self) -> None:
        """See whether the store knows of an earlier tick.

        It may have come since the last look: then it is late, and not lost.
        """
        now = self.now()
        hint = await self.book.store.wake(min(self._hints_seen_to, now))
        if hint is None or hint >= self._first() - 1e-3:
            self._hints_seen_to = now
        elif self._looking:  # it may be one of those
            self._must_poll = True
        else:
            self._must_load = True
            self._hints_seen_to = now

    def _may_poll(self) -> bool:
        return trio.current_time() >= self._polled_at + POLL_GAP

    async def _load(self) -> None:
        for number, stored in enumerate(await self.book.store.list_schedules()):
            if number % BATCH == BATCH - 1:
                await trio.lowlevel.checkpoint()
            try:
                self._set(stored.id, self._passer.next_look(stored))
            except Exception as exc:  # of another version, or with a rule that no longer works
                self._report(stored.id, exc)
                self._set(stored.id, stored.wake_at)  # what the store hints at is no news
        self._must_load = False

    # ------------------------------------------------------------ times
    def _set(self, id: str, at: float | None) -> None:
        if at is None:
            self._times.pop(id, None)
        elif self._times.get(id) != at:
            self._times[id] = at
            heappush(self._heap, (at, id))

    def _first(self) -> float:
        while self._heap and self._times.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        return self._heap[0][0] if self._heap else math.inf

    def _take_due(self) -> list[str]:
        due, self.book.touched = list(self.book.touched), set()
        now = self.now()
        while self._first() <= now:
            _, id = heappop(self._heap)
            del self._times[id]
            due.append(id)
        return list(dict.fromkeys(due))

    async def _sleep(self) -> None:
        longest = OPEN_LOOK if self._has_open else LONGEST
        if is_virtual() and not self._has_open and is_own_clock(self.book.store):
            longest = math.inf  # this clock cannot be set
        if self._must_poll:
            longest = POLL_GAP
        wait = min(self._first() - self.now() + ROUNDING, longest)
        self._sleeps_until = self.now() + wait
        if not self.book.touched:
            with trio.move_on_after(max(0.0, wait)):
                await self.book.changed.wait()
        else:
            await trio.lowlevel.checkpoint()
        self.book.changed = trio.Event()

    # ------------------------------------------------------------ looking
    async def _look_at_all(self) -> None:
        while self._queue:
            await self._look(self._queue.popleft())
        self._tasks -= 1

    async def _look(self, id: str) -> None:
        try:
            again = await self._passer.look_at(id)
        except StoreError as exc:
            self._failed(exc)
            again = self.now() + self._pause
        except Exception as exc:
            self._report(id, exc)
            again = self.now() + BROKEN_PAUSE
        else:
            self._broken.discard(id)
        finally:
            self._looking.discard(id)
        self._set(id, again)
        if (again is not None and again < self._sleeps_until) or id in self.book.touched:
            self.book.changed.set()

    def _failed(self, error: StoreError) -> None:
        if not self._pause:
            logger.warning("schedules wait for the store: %s", error)
        self._pause = min(max(2 * self._pause, FIRST_PAUSE), LONGEST_PAUSE)
        self._since = math.inf

    def _recovered(self) -> None:
        if self._pause:
            logger.info("schedules continue: the store is available again")
        self._pause = 0.0

    def _report(self, id: str, error: Exception) -> None:
        if id not in self._broken:
            self._broken.add(id)
            logger.error("schedule %s cannot be kept: %s", id, error, exc_info=error)
