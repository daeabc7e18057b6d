"""Writing journals: one writer task per engine, and many runs in one commit."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal

import attrs
import trio

from trioflow._engine.base.nursery import open_owned_nursery
from trioflow._engine.journal.codec import encode
from trioflow.abc import Append, RunHeader, Store
from trioflow.errors import JournalConflictError, StoreError
from trioflow.events import Event, Finish, Paused, RunStatus, StepOutput, Suspended, ToolCallDelta
from trioflow.record import RunState

if TYPE_CHECKING:
    from cattrs import Converter

Durability = Literal["step", "async", "exit"]
"""When a run waits for its journal.

``"step"``: the result of a step is on disk before the next one starts. ``"async"``: the
journal follows as fast as it can. ``"exit"``: it is written when the run settles.
"""

CHUNKS = (StepOutput, ToolCallDelta)
SETTLING = (Finish, Suspended, Paused)
MAX_PENDING = 10_000
"""How many events may wait to be written before the run waits, whatever its durability."""
TRIES = 6
FIRST_PAUSE = 0.05
"""Seconds before the second try of a write that may succeed later; doubled each time."""

logger = logging.getLogger("trioflow")


@attrs.define(eq=False)
class RunJournal:
    """The journal of one run, as far as this process has to do with it."""

    header: RunHeader
    writer: JournalWriter
    state: RunState
    on_failure: Callable[[Exception], None]
    stored: int = -1
    """The ``seq`` of the last entry that is on disk."""
    added: int = -1
    """The ``seq`` of the last event that is to be written."""
    pending: list[Event] = attrs.field(factory=list)
    failure: Exception | None = None
    claimed: bool = True
    """Whether this engine goes on with the run. Writing is fenced by the claim then."""
    stopped: bool = False
    """Whether nothing more is written: the process shuts down, or somebody else took over."""
    _status: RunStatus = "pending"
    """Where the run was after the last event that is to be written."""
    _waiting: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot)

    def add(self, events: Sequence[Event]) -> None:
        """Take note of events. Synchronous, as emitting is."""
        if self.stopped or self.failure is not None:  # nothing is written behind a gap
            return
        if not self.writer.chunks:
            events = [event for event in events if not isinstance(event, CHUNKS)]
        if not events:
            return
        self.pending += events
        self.added, self._status = events[-1].seq, self.state.status
        if self.writer.durability != "exit" or isinstance(events[-1], SETTLING):
            self.writer.wake(self)

    async def wait_boundary(self) -> None:
        """Wait as long as the durability asks for before another step starts.

        If the journal cannot be written this waits until the run is broken off for it.

        **Checkpoints**: at least one if it has to wait, else none.
        """
        if self.writer.durability == "step" or len(self.pending) > MAX_PENDING:
            await self._reach(self.added)
            if self.failure is not None:
                await trio.sleep_forever()

    async def wait_stored(self) -> None:
        """Wait until everything that has happened is on disk.

        Raises:
          StoreError, JournalConflictError, NotSerializableError: if it cannot be written.
        """
        await self._reach(self.added)
        if self.failure is not None:
            raise self.failure

    async def _reach(self, seq: int) -> None:
        self.writer.wake(self)
        while self.stored < seq and self.failure is None:
            await self._waiting.park()

    def stop(self) -> None:
        """Take nothing more; what was taken is still written."""
        self.stopped = True

    def next_append(self) -> Append | None:
        """Return what is to be written now."""
        events, self.pending = self.pending, []
        if not events:
            return None
        first = self.stored < 0
        return Append(
            run_id=self.header.run_id,
            entries=tuple(encode(event, self.writer.converter) for event in events),
            after=self.stored,
            status=self._status,
            header=self.header if first else None,
            owner=self.writer.owner if self.claimed else None,
            claim_seconds=self.writer.claim_seconds if first else 0.0,
        )

    def was_stored(self, append: Append) -> None:
        """Take note that a write has succeeded."""
        self.stored = append.entries[-1].seq
        self._waiting.unpark_all()

    def fail(self, failure: Exception) -> None:
        """Take note that a write has failed for good. Nothing is written after a gap."""
        if self.failure is None:
            self.failure = failure
            self.pending.clear()
            self._waiting.unpark_all()
            self.on_failure(failure)


@attrs.define(eq=False)
class JournalWriter:
    """Writes the journals of an engine's runs, all that wait in one go."""

    store: Store
    owner: str
    converter: Callable[[], Converter]
    durability: Durability
    chunks: bool
    """Whether the chunks of steps and the pieces of tools are written as well."""
    claim_seconds: float
    """For how long a claim holds if it is not renewed."""
    _dirty: dict[RunJournal, None] = attrs.field(factory=dict)
    _work: trio.Event = attrs.field(factory=trio.Event)
    _busy: bool = False
    _drained: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot)

    def wake(self, journal: RunJournal) -> None:
        """Have what a journal holds written soon."""
        if journal.pending:
            self._dirty[journal] = None
            self._work.set()

    async def write_forever(self) -> None:
        """Write whatever is to be written. The task of the writer."""
        while True:
            await self._work.wait()
            self._work = trio.Event()
            self._busy = True
            while self._dirty:
                journals, self._dirty = list(self._dirty), {}
                await self._write(journals)
            self._busy = False
            self._drained.unpark_all()

    async def flush(self) -> None:
        """Wait until nothing is left to write."""
        while self._busy or self._dirty:
            await self._drained.park()

    async def _write(self, journals: Sequence[RunJournal]) -> None:
        batch: dict[RunJournal, Append] = {}
        for journal in journals:
            try:
                append = journal.next_append()
            except Exception as exc:
                journal.fail(exc)
            else:
                if append is not None:
                    batch[journal] = append
        if not batch:
            return
        try:
            results = await self._append(list(batch.values()))
        except Exception as exc:
            for journal in batch:
                journal.fail(exc)
            return
        for (journal, append), conflict in zip(batch.items(), results, strict=True):
            if conflict is None or await self._was_ours(append):
                journal.was_stored(append)
            else:
                journal.fail(conflict)

    async def _was_ours(self, append: Append) -> bool:
        """Tell whether a write was done though its answer was lost: it conflicts with itself."""
        stored = await self.store.get(append.run_id)
        if stored is None or (append.owner is not None and stored.owner != append.owner):
            return False
        return stored.last_seq == append.entries[-1].seq

    async def _append(self, appends: Sequence[Append]) -> Sequence[JournalConflictError | None]:
        pause = FIRST_PAUSE
        for attempt in range(1, TRIES + 1):
            try:
                return await self.store.append(appends)
            except StoreError as exc:
                if not exc.transient or attempt == TRIES:
                    raise
                logger.warning("journal not written, trying again in %s s: %s", pause, exc)
            await trio.sleep(pause)
            pause *= 2
        raise AssertionError("the last try returns or raises")


@asynccontextmanager
async def open_writer(writer: JournalWriter) -> AsyncGenerator[None, None]:
    """Run a writer; leaving the block waits until everything is written."""
    task = trio.CancelScope()

    async def write() -> None:
        with task:
            await writer.write_forever()

    async with open_owned_nursery(lambda: None) as nursery:
        # Shielded: what happens while the program is canceled has to be written as well.
        task.shield = True
        nursery.start_soon(write)
        try:
            yield
        finally:
            with trio.CancelScope(shield=True):  # bounded by the tries of the writer
                await writer.flush()
            task.cancel()
