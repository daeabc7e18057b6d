"""The journal of one run, as seen by this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import attrs
import trio

from trioflow._engine.base.plan import WorkflowPlan
from trioflow._engine.journal.encoding import encode
from trioflow._engine.journal.headers import with_input
from trioflow._engine.journal.last_value import LastValue
from trioflow._engine.journal.prepared import Prepared, write_in_slices
from trioflow._engine.journal.writer import JournalWriter
from trioflow._forms.form import Form
from trioflow._forms.slices import is_large
from trioflow._value_refs import ValueRef
from trioflow.abc import Append, Entry, RunHeader
from trioflow.errors import RunStateError
from trioflow.events import (
    ACTIVE_STATUSES,
    Event,
    RunStatus,
    StepOutput,
    StepResult,
    ToolCallDelta,
)
from trioflow.record import RunRecord

CHUNKS = (StepOutput, ToolCallDelta)
MAX_PENDING = 10_000
"""How many events may wait to be written before the run waits, whatever its durability."""


@attrs.define(eq=False)
class RunJournal:
    """Takes the events of one run, encoded when they happen, and passes them to the writer."""

    header: RunHeader
    writer: JournalWriter
    plan: WorkflowPlan
    record: RunRecord
    on_failure: Callable[[BaseException], None]
    check_claims: Callable[[], None]
    """Gives up all runs whose claims may have expired."""
    stored: int = -1
    """The ``seq`` of the last entry on disk."""
    added: int = -1
    """The ``seq`` of the last event to be written."""
    awaited: int = -1
    """The ``seq`` of the last of them that must be on disk before another step starts."""
    pending: list[Entry] = attrs.field(factory=list)
    in_flight: bool = False
    """Whether the writer is writing it: what it received may reach the disk at any moment."""
    requests: list[int] = attrs.field(factory=list)
    """Ids of stored requests whose effect is in *pending*, or that have no effect."""
    applied: int = 0
    """Id of the stored request that was applied last. Ids ascend. A request that was read before
    its removal may be applied after it, so the set of requests not yet removed is not enough."""
    refs: set[ValueRef[Any]] = attrs.field(factory=set)
    """References in entries that are not yet written; the run must be known to use the values."""
    prepared: Prepared | None = None
    """The output that was written last before its event happened."""
    last: LastValue = attrs.field(factory=LastValue)
    """The value that was recorded last."""
    is_begun: bool = False
    """Whether the store has the run: its header is written once."""
    failure: BaseException | None = None
    claimed: bool = True
    """Whether this engine drives the run. Its writes are then fenced by the claim."""
    stopped: bool = False
    """Whether nothing more is written because the run is halted."""
    _status: RunStatus | None = None
    """The status of the run after the last event to be written."""
    _waiting: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot)

    def encode(self, events: Sequence[Event]) -> Sequence[Entry]:
        """Return the entries to write for events; see `trioflow._engine.base.ports.Journal`."""
        if not self.is_complete:  # nothing is written after a gap
            return ()
        if self.writer.is_closed:
            problem = "its engine is closed; open another one for it"
            raise RunStateError(self.header.run_id, self.record.status, problem)
        chunks = self.writer.chunks
        return [self._encoded(e) for e in events if chunks or not isinstance(e, CHUNKS)]

    async def prepare(self, form: Form, value: Any) -> None:
        """Write a large output in slices; see `trioflow._engine.base.ports.Journal`."""
        self.prepared = None
        if self.is_complete and is_large(value):
            self.prepared = await write_in_slices(form, value, self.writer.forms.noted)

    def _encoded(self, event: Event) -> Entry:
        noted = self.writer.forms.noted
        if noted:
            noted.clear()
        entry = encode(
            event, self.plan, self.last.references(event), self.prepared, self.writer.codec
        )
        self.last.note(event, entry)
        if noted:
            self.refs.update(noted)
        if self.prepared is not None and isinstance(event, StepResult):
            self.refs.update(self.prepared.refs)
            self.prepared = None  # later events refer to this entry
        return entry

    def add(self, entries: Sequence[Entry], *, awaited: bool = True) -> None:
        """Take the entries of events that have happened. Synchronous, as emitting is."""
        if not entries:
            return
        self.pending += entries
        self.added, self._status = entries[-1].seq, self.record.status
        if awaited:
            self.awaited = self.added
        if self.writer.durability != "exit" or self._has_ended:
            self.writer.wake(self)

    def acknowledge(self, requests: Sequence[int]) -> None:
        """Remove stored requests together with the entries that were added last."""
        if requests and self.is_complete:
            self.requests += requests
            self.writer.wake(self)

    @property
    def _has_ended(self) -> bool:
        return self._status not in (None, *ACTIVE_STATUSES)

    @property
    def is_complete(self) -> bool:
        """Whether everything that has happened is written, or will be."""
        return self.failure is None and not self.stopped

    async def wait_boundary(self) -> bool:
        """Wait before another step starts, as its durability demands; return whether it waited.

        If the journal cannot be written, this waits until the run is broken off. The same holds if
        the claim expired while the process was stopped: no further step may start then.

        **Checkpoints**: at least one if it has to wait, else none.
        """
        if len(self.pending) > MAX_PENDING:
            needed = self.added
        else:
            needed = self.awaited if self.writer.durability == "step" else -1
        has_to = self.stored < needed
        if has_to:
            await self._reach(needed)  # the store refuses this without a claim
        else:
            self.check_claims()
        if self.failure is not None:
            await trio.sleep_forever()
        return has_to

    async def wait_stored(self) -> None:
        """Wait until everything that has happened is on disk.

        Raises:
          StoreError, JournalConflictError: if it cannot be written.
        """
        await self._reach(self.added)
        if self.failure is not None:
            raise self.failure

    async def _reach(self, seq: int) -> None:
        if self.pending:
            self.writer.wake(self)
        while self.stored < seq and self.failure is None:
            await self._waiting.park()

    def stop(self) -> None:
        """Accept nothing more; what was accepted is still written."""
        self.stopped = True

    async def mark_values(self) -> None:
        """Record that the run uses the values that its next entries name.

        Raises:
          ValueStoreError: if that cannot be recorded.
        """
        if self.refs and self.writer.values is not None:
            refs = frozenset(self.refs)
            await self.writer.values.mark(self.header.run_id, refs)
            self.refs -= refs

    def next_append(self) -> Append | None:
        """Return what to write now."""
        entries, self.pending = self.pending, []
        requests, self.requests = self.requests, []
        if not entries and not requests:
            return None
        self.in_flight = True
        return self._append_of(entries, requests)

    def registration(self) -> Append:
        """Return what to write of a run that is registered to be started later."""
        run_id = self.header.run_id
        return Append(run_id=run_id, entries=(), after=-1, status="pending", header=self.header)

    def take_over(self, header: RunHeader) -> None:
        """Take the place of a registered run, whose header is stored and claimed."""
        self.header, self.is_begun = header, True

    def first_append(self, entries: Sequence[Entry], due_at: float | None) -> Append:
        """Return what to write of a run before its start happens here."""
        append = attrs.evolve(self._append_of(entries, ()), status="running", due_at=due_at)
        if append.header is not None:
            return append
        self.header = with_input(self.header, entries[0])  # it was registered without one
        return attrs.evolve(append, input=self.header.input)

    def _append_of(self, entries: Sequence[Entry], requests: Sequence[int]) -> Append:
        first = not self.is_begun
        if first and entries:
            self.header = with_input(self.header, entries[0])
        return Append(
            run_id=self.header.run_id,
            entries=tuple(entries),
            after=self.stored,
            status=self._status or self.record.status,
            header=self.header if first else None,
            owner=self.writer.owner if self.claimed else None,
            claim_seconds=self.writer.claim_seconds if first else 0.0,
            due_at=self.record.due_at(),
            requests=tuple(requests),
        )

    def was_tried(self) -> None:
        """Record that the writer has finished with what it was given."""
        self.in_flight = False

    def was_stored(self, append: Append) -> None:
        """Record that a write has succeeded."""
        self.is_begun = True
        if append.entries:
            self.stored = append.entries[-1].seq
        self._waiting.unpark_all()

    def fail(self, failure: BaseException) -> None:
        """Record that a write has failed permanently. Nothing is written after a gap."""
        if self.failure is None:
            self.failure = failure
            self.pending.clear()
            self._waiting.unpark_all()
            self.on_failure(failure)
