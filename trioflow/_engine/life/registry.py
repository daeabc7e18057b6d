"""The runs of an engine: which exist, when they start, and what keeps them alive."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import Context, copy_context
from typing import TypeVar
from weakref import WeakValueDictionary

import trio

from trioflow._engine.base.nursery import open_owned_nursery
from trioflow._engine.base.outcome import must_pass
from trioflow._engine.base.reporting import report
from trioflow._engine.life.driving import drive, end_undriven
from trioflow._engine.life.due import continue_due, wait_due
from trioflow._engine.life.ending import end_canceled, halt
from trioflow._engine.life.life import Life
from trioflow._phases import Phase
from trioflow.errors import RunStateError, UnknownRunError
from trioflow.record import RunRecord
from trioflow.wire._shown import message_of

T = TypeVar("T")

ALONE_PATIENCE = 30.0
"""Seconds for which runs are held at their next steps so that another run can run alone; they then
get the same time to continue before the next try."""

KEEP_FINISHED = 64
"""How many submitted runs an engine remembers after they end, with everything they recorded."""
MAX_STARTS = 16
"""How many runs have their first turn in one pass of Trio's scheduler, in which every ready task
has a turn. If very many runs started at once, no reader would see anything for a while, and the
garbage collector would traverse all their unread events repeatedly."""
PATIENCE = 0.1
"""Seconds for which runs wait in a queue before each run that begins lets in two others. Otherwise,
runs that take more than a turn, which is not known in advance, would get slower and slower."""


@asynccontextmanager
async def open_registry() -> AsyncGenerator[RunRegistry, None]:
    """Open a registry for the runs of an engine; leaving the block ends them, see `end_all`."""
    registry = RunRegistry()
    try:
        async with open_owned_nursery(registry.end_all) as registry.nursery:
            yield registry
    finally:
        registry.is_closed = True


class RunRegistry:
    """Finds runs by id, and holds those without another reference."""

    nursery: trio.Nursery
    """The nursery that the runs are driven in."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[str, Life] = WeakValueDictionary()
        self._submitted: dict[str, Life] = {}
        self._waiting: dict[str, Life] = {}
        self.is_closed = False
        """Whether runs can no longer be driven here."""
        self._starting = 0
        """How many runs have a task that has not had its first turn."""
        self._queue: OrderedDict[Life, Context] = OrderedDict()
        """Runs that have no task yet, with the context variables for their steps."""
        self._queued_since = 0.0
        self._finished: deque[Life] = deque(maxlen=KEEP_FINISHED)
        self.ended = trio.lowlevel.ParkingLot()
        """Where tasks wait until a run that was driven here has finished or suspended."""
        self._is_alone = False
        """Whether a run is driven, or is about to be, that must run alone."""
        self._being_alone = trio.Lock()
        self.closing = trio.Event()
        """Set when the engine begins to close."""
        self._locks: WeakValueDictionary[str, trio.Lock] = WeakValueDictionary()

    @property
    def driven(self) -> int:
        """How many runs this engine drives."""
        return len(self._submitted)

    def add(self, life: Life) -> None:
        """Register a run while it is in use."""
        self._known[life.run_id] = life

    def forget(self, life: Life) -> None:
        """Unregister a run: its id is free, or belongs to another run."""
        if self._known.get(life.run_id) is life:
            del self._known[life.run_id]
        if self._waiting.get(life.run_id) is life:
            del self._waiting[life.run_id]
        if life in self._finished:
            self._finished.remove(life)

    def find(self, run_id: str) -> Life | None:
        """Return the run with that id, or None."""
        return self._known.get(run_id)

    async def is_stored(self, run_id: str) -> bool:
        """Return whether a store has a run with that id: there is no store. A checkpoint."""
        await trio.lowlevel.checkpoint()
        return False

    async def load(self, run_id: str) -> Life:
        """Return the run with that id. A checkpoint.

        Raises:
          UnknownRunError: if there is none.
        """
        await trio.lowlevel.checkpoint()
        life = self.find(run_id)
        if life is None:
            raise UnknownRunError(run_id)
        return life

    def lock(self, run_id: str) -> trio.Lock:
        """Return the lock to hold while looking up a run and adding it.

        Tasks that load or recover a run at the same time must get the same `Life`, or its bodies
        would run twice.
        """
        lock = self._locks.get(run_id)
        if lock is None:
            lock = self._locks[run_id] = trio.Lock()
        return lock

    def known(self) -> list[Life]:
        """Return all known runs, oldest first."""
        return list(self._known.values())

    async def do(self, run_id: str, work: Callable[[], Awaitable[T]]) -> T:
        """Run *work* for a run in the engine's nursery, to its end even if the caller is canceled.

        Raises:
          RunStateError: if the engine is closed.
          Exception: what *work* raises.

        **Checkpoints**: always.
        """
        results: list[T] = []
        failures: list[Exception] = []
        done = trio.Event()

        async def attempt() -> None:
            try:
                results.append(await work())
            except Exception as exc:
                failures.append(exc)
            finally:
                done.set()

        self.check_open(RunRecord(run_id=run_id))
        self.nursery.start_soon(attempt)
        await done.wait()
        if failures:
            raise failures[0]
        if not results:  # the engine ended before it finished
            problem = "its engine is closed; the request may or may not have taken effect"
            raise RunStateError(run_id, "pending", problem)
        return results[0]

    def own(self, life: Life) -> None:
        """Make this engine drive a run whenever it continues."""
        life.home = self

    def check_open(self, record: RunRecord) -> None:
        """Check that a run can be driven here.

        Raises:
          RunStateError: if the engine is closed.
        """
        if self.is_closed:
            problem = "its engine is closed; open another one for it"
            raise RunStateError(record.run_id, record.status, problem)

    def start_soon(self, life: Life) -> None:
        """Drive a run in its own task until it finishes or suspends, and hold it until then.

        Raises:
          RunStateError: if the engine is closed.
        """
        self.check_open(life.record)
        is_closing = self.closing.is_set()  # it will be halted at once
        if is_closing or (self._starting < MAX_STARTS and not self._is_alone):
            self.nursery.start_soon(self.drive, life)
            self._starting += 1
        else:
            if not self._queue:
                self._queued_since = trio.current_time()
            self._queue[life] = copy_context()
        self._submitted[life.run_id] = life

    def _start_next(self) -> None:
        """Give other runs their first turn after this run's."""
        self._starting -= 1
        if self._queue and not self._is_alone:
            self._start_queued(2 if self._is_slow() else 1)

    def _start_queued(self, count: int) -> None:
        for _ in range(min(count, len(self._queue))):
            life, context = self._queue.popitem(last=False)
            context.run(self.nursery.start_soon, self.drive, life)
            self._starting += 1

    def _is_slow(self) -> bool:
        """Return whether runs have waited for long while those before them are still running."""
        running = len(self._submitted) - len(self._queue) - self._starting
        return running > MAX_STARTS and trio.current_time() > self._queued_since + PATIENCE

    def start_alone(self, life: Life) -> None:
        """Drive a run in its own task while no body of another run is running.

        Raises:
          RunStateError: if the engine is closed.
        """
        self.check_open(life.record)
        self._submitted[life.run_id] = life
        self.nursery.start_soon(self._drive_alone, life)

    async def _drive_alone(self, life: Life) -> None:
        async with self._being_alone:
            while not await self._drive_if_alone(life):
                with trio.move_on_after(ALONE_PATIENCE):
                    await self.closing.wait()

    async def _drive_if_alone(self, life: Life) -> bool:
        """Hold all other runs at their next steps, and drive the run if none is in a body."""
        others = [other for other in self._known.values() if other is not life]
        pacers = [other.core.pacer for other in others if other.is_driven_here]
        self._is_alone = True
        for pacer in pacers:
            pacer.hold()
        try:
            with trio.move_on_after(ALONE_PATIENCE) as patience:
                for other in others:
                    await other.core.wait_idle()
            if not patience.cancelled_caught or self.closing.is_set():
                self._starting += 1
                await self.drive(life)
                return True
            return False
        finally:
            self._is_alone = False
            for pacer in pacers:
                pacer.let_go()
            self._start_queued(MAX_STARTS)

    async def drive(self, life: Life) -> None:
        """Drive a run until it finishes or suspends, and hold it for a while afterwards.

        An error of one run does not affect the others: `Run.wait` raises it, and they continue.
        Only Ctrl-C propagates.
        """
        try:
            try:
                self._start_next()
                if self.closing.is_set():  # it was answered while the engine waited for others
                    halt(life)
                # A cancellation of the engine reaches its runs through end_all, never directly: a
                # durable run must not record the end of its process as its own.
                await drive(life, by_engine=True)
            finally:
                self._let_end(life)
        except BaseException as exc:
            await end_undriven(life, exc)
            if must_pass(exc):
                raise
            report("run %s: %s", life.run_id, message_of(exc))

    def _let_end(self, life: Life) -> None:
        if self._submitted.get(life.run_id) is life:  # it may have been recovered already
            del self._submitted[life.run_id]
        self._keep_ended(life)
        if self.ended:
            self.ended.unpark_all()

    def _keep_ended(self, life: Life) -> None:
        if self.find(life.run_id) is not life:  # another run has its id
            life.home = None
            return
        waits = life.phase is Phase.WAITING
        if waits and life.keeper is None:
            self._waiting[life.run_id] = life  # this is the only reference to it
            if life.record.due_at() is not None and not self.closing.is_set():
                self.nursery.start_soon(self._continue_due, life)
            return
        self._waiting.pop(life.run_id, None)
        self._finished.append(life)
        if not waits:
            life.home = None  # otherwise a reference to this run would keep the others alive

    async def _continue_due(self, life: Life) -> None:
        """Drive a suspended run without a store when it is due. Another caller may do so before."""
        part = life.part
        is_due = await wait_due(life, self.closing)
        if is_due and life.part == part and not self.is_closed and await continue_due(life):
            self.start_soon(life)

    def end_soon(self, life: Life) -> None:
        """Drive a run that was canceled while it waited until it finishes."""
        if self.is_closed:
            trio.lowlevel.spawn_system_task(end_canceled, life)
            return
        self._submitted[life.run_id] = life
        self.nursery.start_soon(self._end, life)

    async def _end(self, life: Life) -> None:
        try:
            await end_canceled(life)
        finally:
            self._let_end(life)

    def let_go(self, run_id: str) -> None:
        """Stop holding a run that was canceled while it waited, as with other finished runs."""
        life = self._waiting.get(run_id)
        if life is not None:
            self._keep_ended(life)

    async def drain(self, grace: float) -> None:
        """Start no further step of any run, and give running bodies *grace* seconds to end."""
        self._is_alone = True  # runs that wait for their turn keep waiting
        driven = [life for life in self._known.values() if life.is_driven_here]
        for life in driven:
            life.core.pacer.hold()
        with trio.move_on_after(grace):
            for life in driven:
                await life.core.wait_idle()

    def end_all(self) -> None:
        """Stop all driven runs: durable runs are halted, others are canceled."""
        self.closing.set()
        self._end_observers()
        passing: BaseException | None = None
        for life in tuple(self._submitted.values()):  # an instrument may add some meanwhile
            try:
                halt(life)
            except BaseException as exc:
                if must_pass(exc):  # Ctrl-C in an instrument: halt the other runs first
                    passing = exc
                report("run %s cannot be halted", life.run_id, error=exc)
        if passing is not None:
            raise passing

    def _end_observers(self) -> None:
        """End the observers of runs that wait or have not started: they stop here."""
        for life in self.known():
            if life.phase in (Phase.PENDING, Phase.WAITING) and life.parked is None:
                life.core.readers.end_part(has_ended=True)
