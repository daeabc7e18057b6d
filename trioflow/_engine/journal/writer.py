"""The task that writes the journals of an engine's runs, many runs in one commit."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Protocol

import attrs
import trio

from trioflow._engine.base.nursery import open_owned_nursery
from trioflow._engine.base.outcome import must_pass
from trioflow._engine.base.reporting import report
from trioflow._retries import Retries
from trioflow.abc import Append, Codec, Store
from trioflow.errors import DuplicateRunError, StoreError

if TYPE_CHECKING:
    from trioflow._forms.forms import Forms
    from trioflow.values import Values

Durability = Literal["step", "async", "exit"]
"""When a run waits for its journal.

``"step"``: the output of a step is on disk before the next one starts. ``"async"``: the journal
follows as fast as it can. ``"exit"``: it is written when the run finishes or suspends.
"""


class Written(Protocol):
    """What the writer needs from a journal."""

    @property
    def failure(self) -> BaseException | None: ...
    @property
    def refs(self) -> Collection[Any]: ...
    async def mark_values(self) -> None: ...
    def next_append(self) -> Append | None: ...
    def was_stored(self, append: Append) -> None: ...
    def was_tried(self) -> None: ...
    def fail(self, failure: BaseException) -> None: ...


@attrs.define(eq=False)
class JournalWriter:
    """Writes the journals of an engine's runs, all waiting ones in one commit."""

    store: Store
    owner: str
    forms: Forms
    """How values are recorded."""
    codec: Codec | None
    """Encodes the recorded values."""
    durability: Durability
    chunks: bool
    """Whether the chunks of steps and the pieces of tools are also written."""
    claim_seconds: float
    """Seconds that a claim holds without renewal."""
    patience: float
    """Seconds for which a write that may succeed later is retried."""
    values: Values | None = None
    """The large values that journals name, if the engine has a value store."""
    is_closed: bool = False
    """Whether nothing is written any more, because the engine is closed."""
    _dirty: dict[Written, None] = attrs.field(factory=dict)
    _work: trio.Event = attrs.field(factory=trio.Event)
    _busy: bool = False
    _marking: set[Written] = attrs.field(factory=set)
    """Journals whose next entries name large values: first these must be known to be used."""
    _drained: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot)

    def wake(self, journal: Written) -> None:
        """Request that the pending entries of a journal are written soon."""
        self._dirty[journal] = None
        self._work.set()

    @trio.lowlevel.enable_ki_protection  # Ctrl-C is raised where it is caught
    async def write_forever(self) -> None:
        """Write everything that is pending. The writer's task."""
        async with trio.open_nursery() as nursery:
            await self._write_forever(nursery)

    async def _write_forever(self, nursery: trio.Nursery) -> NoReturn:
        while True:
            await self._work.wait()
            self._work = trio.Event()
            self._busy = True
            while self._dirty:
                journals, self._dirty = list(self._dirty), {}
                if self.values is not None:
                    journals = self._marked(journals, nursery)
                try:
                    await self._write(journals)
                except BaseException as exc:  # an error of one run must not stop the others
                    if must_pass(exc):
                        raise
                    report("journals not written", error=exc)
                    for journal in journals:
                        journal.fail(exc)
            self._busy = False
            self._drained.unpark_all()

    async def flush(self) -> None:
        """Wait until nothing is left to write."""
        while self._busy or self._dirty or self._marking:
            await self._drained.park()

    async def _write(self, journals: Sequence[Written]) -> None:
        batch: dict[Written, Append] = {}
        for journal in journals:
            append = journal.next_append()
            if append is not None:
                batch[journal] = append
        if not batch:
            return
        try:
            await self._append(batch)
        except BaseException as exc:
            if must_pass(exc):
                raise
            if len(batch) == 1 or isinstance(exc, StoreError):
                for journal in batch:
                    journal.fail(exc)
                return
            # One of them is too large for the store: only its run fails.
            for journal, append in batch.items():
                await self._write_alone(journal, append)
        finally:
            for journal in batch:
                journal.was_tried()

    def _marked(self, journals: Sequence[Written], nursery: trio.Nursery) -> list[Written]:
        """Return the journals that can be written now; the others follow.

        They do not wait for each other: the value store may be unavailable.
        """
        for journal in journals:
            if journal.refs and journal not in self._marking:
                self._marking.add(journal)
                nursery.start_soon(self._mark, journal)
        return [journal for journal in journals if journal not in self._marking]

    async def _mark(self, journal: Written) -> None:
        try:
            await journal.mark_values()
        except BaseException as exc:
            if must_pass(exc):
                raise
            journal.fail(exc)
        self._marking.discard(journal)
        self.wake(journal)

    async def _write_alone(self, journal: Written, append: Append) -> None:
        try:
            await self._append({journal: append})
        except BaseException as exc:
            if must_pass(exc):
                raise
            journal.fail(exc)

    async def _append(self, batch: Mapping[Written, Append]) -> None:
        """Append to the store; retry what may succeed later, for *patience* seconds.

        A journal that has failed meanwhile because its claim expired is left out: another process
        may write to it.
        """
        retries = self.retries()
        while True:
            wanted = {journal: a for journal, a in batch.items() if journal.failure is None}
            try:
                results = await self.store.append(list(wanted.values()))
            except StoreError as exc:
                if not await retries.again(exc):
                    raise
            else:
                break
        for (journal, append), conflict in zip(wanted.items(), results, strict=True):
            if conflict is None or await self._was_ours(append):
                journal.was_stored(append)
            else:
                journal.fail(await self._meaning_of(conflict, append))

    async def _was_ours(self, append: Append) -> bool:
        """Return whether a write was done though its reply was lost: it conflicts with itself."""
        if not append.entries:
            return False
        limit = len(append.entries) + 1
        if tuple(await self.store.read(append.run_id, append.after, limit)) != append.entries:
            return False
        stored = await self.store.get(append.run_id) if append.header else None
        return stored is None or (stored.header, stored.owner) == (append.header, append.owner)

    async def _meaning_of(self, conflict: Exception, append: Append) -> Exception:
        """Return a conflict as the caller's error: a first append may be to a run that exists."""
        if append.header is not None and await self.store.get(append.run_id) is not None:
            return DuplicateRunError(append.run_id)
        return conflict

    async def append(self, append: Append) -> None:
        """Append to a journal of a run that is not driven here.

        Raises:
          JournalConflictError: if another process has written to it.
          StoreError: if it cannot be written.
        """
        retries = self.retries()
        while True:
            try:
                (conflict,) = await self.store.append([append])
            except StoreError as exc:
                if not await retries.again(exc):
                    raise
            else:
                break
        if conflict is not None and not await self._was_ours(append):
            raise conflict

    def retries(self) -> Retries:
        """Return the retries for what may succeed later, counted from now."""
        return Retries(trio.current_time() + self.patience)


@asynccontextmanager
async def open_writer(writer: JournalWriter) -> AsyncGenerator[None, None]:
    """Run a writer; leaving the block waits until everything is written."""
    task = trio.CancelScope()

    async def write() -> None:
        with task:
            await writer.write_forever()

    async with open_owned_nursery(lambda: None) as nursery:
        # Shielded: events that happen while the program is canceled must also be written.
        task.shield = True
        nursery.start_soon(write)
        try:
            yield
        finally:
            with trio.CancelScope(shield=True):  # bounded by the tries of the writer
                await writer.flush()
            writer.is_closed = True
            task.cancel()
