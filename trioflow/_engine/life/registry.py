"""The runs of an engine: which there are, when they start, and what keeps them alive."""

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
"""For how many seconds runs are stopped at their next steps so that another one can run alone, and
how long they have then before the next try."""

KEEP_FINISHED = 64
"""How many submitted runs an engine remembers after their end, with all that they recorded."""
MAX_STARTS = 16
"""How many runs have their first turn in one pass of Trio's scheduler, in which all that is ready
has a turn. If very many runs started at once, no reader would see anything for a while, and the
garbage collector would go through all their unread events again and again."""
PATIENCE = 0.1
"""How many seconds runs wait in a queue before each that begins lets in two others. For runs that
take more than a turn, which cannot be told before, it would otherwise get slower all the time."""


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
    """Finds runs by id, and holds those that nobody else may hold."""

    nursery: trio.Nursery
    """Where the runs are driven."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[str, Life] = WeakValueDictionary()
        self._submitted: dict[str, Life] = {}
        self._waiting: dict[str, Life] = {}
        self.is_closed = False
        """Whether no run can be driven here any more."""
        self._starting = 0
        """How many runs have a task that has not had its first turn."""
        self._queue: OrderedDict[Life, Context] = OrderedDict()
        """Runs that have no task yet, and what their steps find in context variables."""
        self._queued_since = 0.0
        self._finished: deque[Life] = deque(maxlen=KEEP_FINISHED)
        self._is_alone = False
        """Whether a run is driven, or about to be, beside which no other may run."""
        self._being_alone = trio.Lock()
        self.closing = trio.Event()
        """Set when the engine begins to close."""
        self._locks: WeakValueDictionary[str, trio.Lock] = WeakValueDictionary()

    def add(self, life: Life) -> None:
        """Know a run while it is in use."""
        self._known[life.run_id] = life

    def forget(self, life: Life) -> None:
        """Know a run no longer: its id is another's, or free."""
        if self._known.get(life.run_id) is life:
            del self._known[life.run_id]
        if self._waiting.get(life.run_id) is life:
            del self._waiting[life.run_id]
        if life in self._finished:
            self._finished.remove(life)

    def find(self, run_id: str) -> Life | None:
        """Return the run of that id, or None."""
        return self._known.get(run_id)

    async def is_stored(self, run_id: str) -> bool:
        """Tell whether a store has a run of that id: there is no store. A checkpoint."""
        await trio.lowlevel.checkpoint()
        return False

    async def load(self, run_id: str) -> Life:
        """Return the run of that id. A checkpoint.

        Raises:
          UnknownRunError: if there is none.
        """
        await trio.lowlevel.checkpoint()
        life = self.find(run_id)
        if life is None:
            raise UnknownRunError(run_id)
        return life

    def lock(self, run_id: str) -> trio.Lock:
        """Return what a task holds while it looks a run up and, in the end, adds it.

        Tasks that load or recover one run at the same time must get the same life of it, or
        its bodies would run twice.
        """
        lock = self._locks.get(run_id)
        if lock is None:
            lock = self._locks[run_id] = trio.Lock()
        return lock

    def known(self) -> list[Life]:
        """Return all runs that are known, oldest first."""
        return list(self._known.values())

    async def do(self, run_id: str, work: Callable[[], Awaitable[T]]) -> T:
        """Do something for a run in the engine's nursery, whole even if the task that waits for it
        is canceled.

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
        if not results:  # what has ended the engine
            problem = "its engine is closed; it may have been done or not"
            raise RunStateError(run_id, "pending", problem)
        return results[0]

    def own(self, life: Life) -> None:
        """Have a run driven here whenever it continues."""
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
        """Drive a run in a task of its own, to where it ends or waits, and hold it until then.

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
        """Let others have their first turn after this run's."""
        self._starting -= 1
        if self._queue and not self._is_alone:
            self._start_queued(2 if self._is_slow() else 1)

    def _start_queued(self, count: int) -> None:
        for _ in range(min(count, len(self._queue))):
            life, context = self._queue.popitem(last=False)
            context.run(self.nursery.start_soon, self.drive, life)
            self._starting += 1

    def _is_slow(self) -> bool:
        """Tell whether runs have waited for long, and those before them do not end soon."""
        going_on = len(self._submitted) - len(self._queue) - self._starting
        return going_on > MAX_STARTS and trio.current_time() > self._queued_since + PATIENCE

    def start_alone(self, life: Life) -> None:
        """Drive a run in a task of its own while no body of another run is running.

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
        """Stop all others at their next steps, and drive the run if none is in a body then."""
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
        """Drive a run to where it finishes or suspends, and hold it for a while then.

        What is wrong with one run stays with it: `Run.wait` raises it, and the others continue.
        Only Ctrl-C gets out.
        """
        try:
            try:
                self._start_next()
                if self.closing.is_set():  # it was answered while the engine waited for others
                    halt(life)
                # Whatever cancels the engine reaches its runs through end_all, never directly: a
                # durable run must not take the end of its process for its own.
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

    def _keep_ended(self, life: Life) -> None:
        if self.find(life.run_id) is not life:  # another has its id
            life.home = None
            return
        waits = life.phase is Phase.WAITING
        if waits and life.keeper is None:
            self._waiting[life.run_id] = life  # nobody else has it
            if life.record.due_at() is not None and not self.closing.is_set():
                self.nursery.start_soon(self._continue_due, life)
            return
        self._waiting.pop(life.run_id, None)
        self._finished.append(life)
        if not waits:
            life.home = None  # or a reference to this run would keep the others

    async def _continue_due(self, life: Life) -> None:
        """Drive a suspended run that no store has when it is due. Others may do so before."""
        part = life.part
        is_due = await wait_due(life, self.closing)
        if is_due and life.part == part and not self.is_closed and await continue_due(life):
            self.start_soon(life)

    def end_soon(self, life: Life) -> None:
        """Drive a run to its end that was canceled while it waited."""
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
        """Hold a run no longer than others that have finished: it was canceled while it waited."""
        life = self._waiting.get(run_id)
        if life is not None:
            self._keep_ended(life)

    async def drain(self, grace: float) -> None:
        """Start no further step of any run, and give running bodies so many seconds to end."""
        self._is_alone = True  # runs that wait for their turn keep waiting
        driven = [life for life in self._known.values() if life.is_driven_here]
        for life in driven:
            life.core.pacer.hold()
        with trio.move_on_after(grace):
            for life in driven:
                await life.core.wait_idle()

    def end_all(self) -> None:
        """Stop all runs that are driven: durable ones can be recovered, others are canceled."""
        self.closing.set()
        self._end_observers()
        passing: BaseException | None = None
        for life in tuple(self._submitted.values()):  # an instrument that hears of it may add some
            try:
                halt(life)
            except BaseException as exc:
                if must_pass(exc):  # Ctrl-C in an instrument; the other runs are halted first
                    passing = exc
                report("run %s cannot be halted", life.run_id, error=exc)
        if passing is not None:
            raise passing

    def _end_observers(self) -> None:
        """Let nobody observe what will not happen here: the runs that wait or have not started."""
        for life in self.known():
            if life.phase in (Phase.PENDING, Phase.WAITING) and life.parked is None:
                life.core.readers.end_part(is_over=True)
