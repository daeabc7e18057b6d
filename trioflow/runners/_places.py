"""Places for the bodies that a runner runs at the same time, shared fairly between runs."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NoReturn

import attrs
import trio

from trioflow.runners._lines import Lines, Wait

_place: ContextVar[Place | None] = ContextVar("place", default=None)
"""The place of the body around the running code."""


class Places:
    """A number of places, for the bodies of one runner in one event loop.

    A place stands for what a running body uses, such as a processor or a thread.

    - A free place goes to the run that has the fewest, so a run of thousands of items does not
      hold up a run of one step.
    - A body that waits for the engine does not use its place, so what it calls gets it, such as a
      tool in the same runner. Otherwise, as many such bodies as there are places would wait for
      each other forever.
    - A body that waits longer lends its place to any other body, and gets one back before it
      continues.
    """

    def __init__(self, total: int, *, patience: float = math.inf) -> None:
        """Create *total* free places.

        Args:
          patience: Seconds after which a waiting body lends its place to any other body, while a
            task runs `lend`.
        """
        self._free = total
        self._patience = patience
        self._lines = Lines()
        self._waiting: dict[Place, None] = {}
        """The places whose bodies wait for the engine, the one that waits longest first."""
        self._news = trio.Event()
        self._next_look = math.inf

    def place(self, run_id: str, *, waits: bool = False) -> Place:
        """Return a place for a body of a run, to be taken with `Place.take`.

        Args:
          waits: Whether the body always waits for what it calls, as a thread does. Then
            `Place.begin_wait` and `Place.end_wait` are not needed.
        """
        caller = _place.get()
        while caller is not None and caller.has_ended:
            caller = caller.caller
        parent = caller
        while parent is not None and (parent.has_ended or parent.places is not self):
            parent = parent.caller
        return Place(self, run_id, caller, parent, int(waits))

    async def lend(self) -> NoReturn:
        """Lend the places of bodies that have waited longer than the patience, until canceled."""
        while True:
            self._news = trio.Event()
            self._next_look = self._next_lending()
            with trio.move_on_at(self._next_look):
                await self._news.wait()
            while self._next_lending() <= trio.current_time():
                self._give(next(iter(self._waiting)))

    def _next_lending(self) -> float:
        if not self._lines or not self._waiting:
            return math.inf
        return next(iter(self._waiting)).since + self._patience

    def _look(self) -> None:
        """Wake the task that lends places, unless it will wake early enough."""
        if self._next_lending() < self._next_look:
            self._news.set()

    # ------------------------------------------------------------ for Place
    def _note_wait(self, place: Place, *, waits: bool) -> None:
        """Note whether the body of a held place waits from now on."""
        self._waiting.pop(place, None)
        if waits:
            place.since = trio.current_time()
            self._waiting[place] = None
            self._look()

    def _take(self, place: Place) -> bool:
        """Take a free place at once, if there is one and no body waits for it."""
        if not self._free or self._lines:
            return False
        self._free -= 1
        self._use(place)
        return True

    async def _wait(self, wait: Wait, *, returns: bool) -> None:
        self._lines.add(wait, returns=returns)
        self._look()
        try:
            await wait.granted.wait()
        finally:
            if not wait.has_ended:  # canceled
                self._lines.leave(wait)
                wait.granted.set()

    def _use(self, place: Place) -> None:
        """Let a body have a place, for which it may have waited."""
        place.is_held = True
        self._lines.count(place.run_id, 1)
        if place.waits and self._patience < math.inf:
            self._note_wait(place, waits=True)
        wait = place.wait
        if wait is not None and not wait.has_ended:
            self._lines.leave(wait)
            wait.granted.set()

    def _give(self, place: Place) -> None:
        """Take a place from a body, and give it to another one."""
        self._leave(place)
        lender = place.lender
        if lender is not None and place.has_ended and not lender.has_ended and not lender.is_held:
            continues = lender.is_returning
            self._use(lender)
            if not continues:
                lender.lend_to_next()
            return
        self._free += 1
        while self._free and self._lines:
            self._free -= 1
            self._use(self._lines.next().place)

    def _leave(self, place: Place) -> None:
        place.is_held = False
        self._waiting.pop(place, None)
        self._lines.count(place.run_id, -1)

    def _hand_over(self, lender: Place, place: Place) -> None:
        """Let a body use the place of the one that waits for it."""
        self._leave(lender)
        place.lender = lender
        self._use(place)


@attrs.define(eq=False)
class Place:
    """The place of one body. See `Places`."""

    places: Places
    run_id: str
    caller: Place | None
    """The place of the body that calls this one, perhaps in another runner."""
    parent: Place | None
    """The place of the nearest body around this one that has the same runner."""
    waits: int = 0
    """For how many answers of the engine the body waits."""
    since: float = 0.0
    """Since when it waits; on Trio's clock."""
    is_held: bool = False
    has_ended: bool = False
    lender: Place | None = None
    """The place of the waiting body that has lent it to this one."""
    wait: Wait | None = None
    """The last wait for a place."""
    _children: deque[Wait] = attrs.field(factory=deque)
    """The bodies that this one has called and that wait for a place."""

    async def take(self) -> None:
        """Wait until the body may begin.

        **Cancellation**: no place is taken.

        **Checkpoints**: always at least a cancellation point.
        """
        await trio.lowlevel.checkpoint_if_cancelled()
        parent = self.parent
        if parent is not None and parent._can_lend:
            self.places._hand_over(parent, self)
        elif not self.places._take(self):
            self.wait = Wait(self.run_id, self)
            if parent is not None:
                parent._children.append(self.wait)
            try:
                await self.places._wait(self.wait, returns=False)
            except BaseException:
                self.end()  # it may have been granted at the same time
                raise

    def end(self) -> None:
        """Give the place back for good."""
        self.has_ended = True
        if self.is_held:
            self.places._give(self)
        self.caller = self.parent = self.lender = (
            None  # so that a run that starts a run, and so on, is no leak
        )

    @contextmanager
    def around(self) -> Generator[None, None, None]:
        """Let bodies that are called inside the block use this place while its body waits."""
        token = _place.set(self)
        try:
            yield
        finally:
            _place.reset(token)

    def begin_wait(self) -> None:
        """Note that the body waits for an answer of the engine, possibly for one more."""
        self.waits += 1
        if self.is_held:
            self.places._note_wait(self, waits=True)
            self.lend_to_next()

    async def end_wait(self) -> None:
        """Note that there is an answer, and wait until the body has a place to continue in.

        **Cancellation**: the body may have no place.

        **Checkpoints**: only if the place was lent.
        """
        while not self.is_held and not self.places._take(self):
            if self.is_returning and self.wait is not None:  # for another answer
                await self.wait.granted.wait()
            else:
                self.wait = Wait(self.run_id, self)
                await self.places._wait(self.wait, returns=True)
        self.waits -= 1
        self.places._note_wait(self, waits=self.waits > 0)
        self.lend_to_next()

    @property
    def is_returning(self) -> bool:
        """Whether the body waits to get its place back."""
        return self.wait is not None and not self.wait.has_ended

    @property
    def _can_lend(self) -> bool:
        return self.is_held and self.waits > 0

    def lend_to_next(self) -> None:
        """Lend the place to the next body that this one waits for."""
        while self._children and self._can_lend:
            wait = self._children.popleft()
            if not wait.has_ended:
                self.places._hand_over(self, wait.place)
