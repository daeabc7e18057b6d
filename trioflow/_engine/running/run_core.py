"""The data that all calls of one run share."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import attrs
import trio

from trioflow._engine.base.outcome import is_interrupt
from trioflow._engine.base.ports import StartRun
from trioflow._engine.base.services import Services
from trioflow._engine.running.mailbox import Mailbox
from trioflow._engine.running.shared_context import SharedContext
from trioflow._engine.stream.channel import Readers
from trioflow._engine.stream.fairness import Pacer
from trioflow._engine.stream.log import RunLog
from trioflow._tick import Tick, tick_of
from trioflow.events import EventReceived
from trioflow.tracing import NO_TRACING, TracingContext

if TYPE_CHECKING:
    from trioflow._engine.history.replay import Replay
    from trioflow._values.structure import Structure


TICK_KEY = "schedule"
"""The key of the metadata under which schedules record the tick of a run."""


class Cancelable(Protocol):
    """What steps can do with a waiting run."""

    def cancel(self, reason: str | None) -> None: ...


@attrs.define(eq=False)
class Notes:
    """Data that few calls need and that is therefore not kept in each call."""

    asks: dict[str, Any] = attrs.field(factory=dict)
    """The questions of calls in this part of the run, by address."""
    started: dict[str, tuple[int, int]] = attrs.field(factory=dict)
    """The attempt of a call that last started runs, and how many it started, by address."""
    structures: dict[tuple[str, str], Structure | None] = attrs.field(factory=dict)
    """The structures for the answers to questions that were asked in this process, by the address
    of the call and the key of the question."""

    tick: Tick | None = None
    """The tick of the schedule that the run is of."""

    def begin_part(self) -> None:
        """Clear the data of the previous part."""
        self.asks.clear()
        self.started.clear()


@attrs.define(eq=False)
class RunCore:
    """The parts of one run, including nested workflows."""

    log: RunLog
    readers: Readers
    pacer: Pacer
    services: Services
    state_fields: Callable[[Mapping[str, Any]], Mapping[str, Any]] | None
    """Structures the keys of a state update; None if the state is a plain dict."""
    reducers: Mapping[str, Callable[[Any, Any], Any]]
    """The reducers for updates of fields of the state, by name."""
    start_run: StartRun | None
    """Starts other runs in the engine that drives this one."""
    context: SharedContext | None = None
    """The runtime context, once it was read or written."""
    tracing_context: TracingContext = NO_TRACING
    replay: Replay | None = None
    """The records of earlier parts of the run; None in the first part."""
    per_step: bool = False
    """Whether the run pauses after each node of the outermost workflow."""
    bodies: int = 0
    """How many bodies of steps and tools are running now."""
    idle: trio.lowlevel.ParkingLot | None = None
    """Where tasks wait until no body runs; None if there was none."""
    is_canceled: bool = False
    """Whether this part of the run was canceled, even if it has not ended yet."""
    tool_series: str = ""
    """A prefix for the ids of tool calls in this part of the run. It distinguishes them from those
    of earlier parts, in which the same steps may have called tools."""
    reason: str | None = None
    """Why it was canceled."""
    by: str | None = None
    """Who canceled it."""
    _cancel_scope: trio.CancelScope | None = None
    """The scope around everything that runs in this part of the run, once it runs."""
    owner: weakref.ref[Cancelable] | None = None
    """The run itself, if it waits and no part of it runs. The run owns this object; a strong
    reference back would leave its memory to the garbage collector."""
    _mailbox: Mailbox | None = None
    _notes: Notes | None = None

    @property
    def notes(self) -> Notes:
        """What is kept for calls that ask or start runs. Created for the first one."""
        if self._notes is None:
            self._notes = Notes()
        return self._notes

    @property
    def tick(self) -> Tick | None:
        """The tick of the schedule that the run is of, if a schedule has started it."""
        return None if self._notes is None else self._notes.tick

    def see_metadata(self, metadata: Mapping[str, Any]) -> None:
        """Take over what steps can see of the metadata of the run."""
        if TICK_KEY in metadata:
            self.notes.tick = tick_of(metadata[TICK_KEY])

    @property
    def has_mail(self) -> bool:
        """Whether any event has come from outside in this part of the run, or before it."""
        return self._mailbox is not None

    @property
    def mailbox(self) -> Mailbox:
        """The events from outside. Created for the first one, because few runs need it."""
        if self._mailbox is None:
            self._mailbox = Mailbox()
        return self._mailbox

    def begin_part(self, context: Mapping[str, Any], received: Iterable[EventReceived]) -> None:
        """Begin the next part of the run with what is left of the previous one."""
        self.is_canceled, self.reason, self.by = False, None, None
        self._cancel_scope = self.owner = None
        self.tool_series = f"{self.log.record.next_seq}."
        self.context = SharedContext(context)
        if self._notes is not None:
            self._notes.begin_part()
        self._mailbox = Mailbox(received)

    def open_scope(self, shield: bool) -> trio.CancelScope:
        """Return the scope in which this part of the run runs, to be entered."""
        self._cancel_scope = scope = trio.CancelScope(shield=shield)
        if self.is_canceled:
            scope.cancel()
        return scope

    def cancel(self, reason: str | None, by: str | None = None) -> None:
        """Cancel what runs or is about to run; do nothing if that was done already."""
        if not self.is_canceled:
            self.is_canceled, self.reason, self.by = True, reason, by
            if self._cancel_scope is not None:
                self._cancel_scope.cancel()

    def heed(self, exc: BaseException) -> None:
        """Write no further event if *exc* is Ctrl-C, which ends the program and not the run.

        Called before an event records an exception that passes. Otherwise, what was running when it
        came would be recorded as canceled for good.
        """
        if not self.is_canceled and is_interrupt(exc):
            self.log.stop()

    def cancel_from_inside(self, reason: str | None) -> None:
        """Cancel the run from inside it; do nothing if it has finished."""
        waiting = None if self.owner is None else self.owner()
        if waiting is not None:
            waiting.cancel(reason)
        elif self.log.record.status == "running":
            self.cancel(reason)

    async def wait_idle(self) -> None:
        """Wait until no body runs. Always a checkpoint."""
        await trio.lowlevel.checkpoint()
        if self.idle is None:
            self.idle = trio.lowlevel.ParkingLot()
        while self.bodies:
            await self.idle.park()

    def notify_idle(self) -> None:
        """Wake the tasks that wait until no body runs, if none does."""
        if self.idle is not None and not self.bodies:
            self.idle.unpark_all()
