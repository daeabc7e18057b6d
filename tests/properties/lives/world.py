"""Processes on one store, what each thing that is done must come to, and what always holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import attrs
import trio
import trio.testing

from tests.properties.lives.flow import Witness, build
from tests.properties.lives.moves import Moves
from tests.properties.lives.processes import CLAIM, RUN, Attempt, Process
from trioflow import events
from trioflow._engine.journal.codec import decode
from trioflow._engine.life.life import Life
from trioflow._phases import Phase
from trioflow.events import ACTIVE_STATUSES, FINISHED_STATUSES, WAITING_STATUSES
from trioflow.record import fold
from trioflow.stores._shelf import Journal, Shelf

Errors = tuple[type[Exception], ...]
TAKEN: Errors = ()
"""What is expected of what must be done."""


@attrs.define(eq=False)
class World:
    """Two processes on one store, and a run."""

    nursery: trio.Nursery
    moves: Moves
    shelf: Shelf = attrs.field(factory=Shelf)
    witness: Witness = attrs.field(init=False)
    processes: list[Process | None] = attrs.field(factory=lambda: [None, None])
    told: list[str] = attrs.field(factory=list)
    """What was done, for the one who reads a failure."""
    attempts: list[tuple[Process, Attempt]] = attrs.field(factory=list)
    _known: dict[str, list[events.Event]] = attrs.field(factory=dict)

    @witness.default
    def _make_witness(self) -> Witness:
        return Witness(self.shelf)

    # ------------------------------------------------------------ processes
    async def process(self, number: int) -> Process:
        """Return a process; it is started if it does not run."""
        process = self.processes[number]
        return await self.open(number, "old") if process is None else process

    async def open(self, number: int, version: str) -> Process:
        """Start a process, with a version of the program. One that runs is closed first."""
        await self.close(number)
        workflow = build(self.witness, version)
        process = self.processes[number] = Process(self.shelf, version, workflow, self.nursery)
        await process.open()
        return process

    async def close(self, number: int) -> None:
        process, self.processes[number] = self.processes[number], None
        if process is not None:
            await process.close()

    async def crash(self, number: int) -> None:
        process, self.processes[number] = self.processes[number], None
        if process is not None:
            await process.die()

    async def bury(self) -> None:
        """Let processes leave that have come to their end by themselves."""
        for number, process in enumerate(self.processes):
            if process is not None and process.is_dead:
                await self.crash(number)
            elif process is not None and process.keyboard.has_pressed:
                await self.close(number)

    # ------------------------------------------------------------ the truth
    @property
    def journal(self) -> Journal | None:
        return self.shelf.journals.get(RUN)

    @property
    def status(self) -> str | None:
        """The stored status; None if the run is not stored."""
        return None if self.journal is None else self.journal.status

    @property
    def has_ended(self) -> bool:
        return self.status in FINISHED_STATUSES

    def recorded(self, run_id: str = RUN) -> list[events.Event]:
        """Return the events that are stored of a run."""
        journal = self.shelf.journals.get(run_id)
        known = self._known.setdefault(run_id, [])
        if journal is not None:
            known += decode(run_id, journal.entries[len(known) :])
        return known

    def is_free_for(self, process: Process) -> bool:
        """Tell whether a process could claim the run."""
        assert self.journal is not None
        return self.journal.owner == process.owner or self.journal.held_for(self.shelf.now()) == 0

    def is_news_to(self, life: Life) -> bool:
        """Tell whether others have done something with a run that waits here."""
        assert self.journal is not None
        is_claimed = self.journal.owner is not None
        return is_claimed or self.journal.last_seq >= life.record.next_seq

    def is_readable(self, process: Process, run_id: str = RUN) -> bool:
        """Tell whether what is recorded fits the types of the program."""
        given = [e for e in self.recorded(run_id) if isinstance(e, events.StepResult)]
        return all(process.version in e.output for e in given if is_typed(e))

    # ------------------------------------------------------------ doing something
    async def expect(
        self,
        process: Process,
        name: str,
        what: Callable[[], Awaitable[Any]],
        refused: Errors = TAKEN,
    ) -> Attempt:
        """Do something that must be refused with one of these errors, or be taken if there is
        none, until nothing moves any more but time. What is refused leaves no trace."""
        before = len(self.recorded())
        (attempt,) = await self.do([(process, name, what)])
        if refused and not attempt.is_done:
            await trio.sleep(2)  # its end takes time
        attempt.is_expected = bool(refused) and isinstance(attempt.error, refused)
        if not process.is_in_order:
            return attempt
        if not refused:
            assert attempt.error is None, f"{name} was refused: {attempt.error!r}"
        else:
            assert attempt.is_expected, f"{name}: {attempt.error!r}"
            assert len(self.recorded()) == before, f"{name} was refused, and has an effect"
        return attempt

    async def do(
        self, things: Sequence[tuple[Process, str, Callable[[], Awaitable[Any]]]]
    ) -> list[Attempt]:
        """Do several things at once, until nothing moves any more but time."""
        attempts = [process.attempt(name, what) for process, name, what in things]
        self.attempts += zip((process for process, _, _ in things), attempts, strict=True)
        await trio.testing.wait_all_tasks_blocked()
        self.told += map(str, attempts)
        return attempts

    # ------------------------------------------------------------ what always holds
    def check(self) -> None:
        """Check what must hold whenever nothing moves."""
        assert not self.witness.faults, "; ".join(self.witness.faults)
        processes = [process for process in self.processes if process is not None]
        lives = []
        for process in processes:
            for life in process.lives():
                lives.append(life)
                self.moves.check(life)
                check_phase(life)
                check_fold(life)
                if not process.store.is_away:
                    self.check_stored(life)
        driven = [life for life in lives if life.run_id == RUN and life.driver is not None]
        assert len(driven) <= 1, "two processes drive the run"
        for run_id, journal in self.shelf.journals.items():
            self.moves.follow(self.recorded(run_id))
            assert fold(self.recorded(run_id)).status == journal.status
            self.check_claim(journal, processes)

    def check_stored(self, life: Life) -> None:
        """Check that what a process knows to have happened to a run is what the store has."""
        if life.phase in (Phase.PENDING, Phase.STARTING, Phase.HALTED):
            return
        stored = {event.seq: (event.type, event.at) for event in self.recorded(life.run_id)}
        for event in life.core.log.history():
            assert stored.get(event.seq) == (event.type, event.at), f"{event} is not stored"

    def check_claim(self, journal: Journal, processes: Sequence[Process]) -> None:
        """Check that nobody holds a claim on a run that it does not drive."""
        for process in processes:
            if journal.owner == process.owner and not process.store.is_away:
                if process.was_away and journal.held_for(self.shelf.now()) < CLAIM:
                    continue  # it could not give the claim back, and does not renew it
                life = process.engine._runs.find(journal.header.run_id)
                assert life is not None, "a run is claimed that is not known"
                assert life.is_driven_here, f"a run is claimed that is {life.phase.value}"


def is_typed(event: events.StepResult) -> bool:
    """Tell whether an event holds a value that only one version can read."""
    return event.id == "typed" and event.status == "success"


def check_phase(life: Life) -> None:
    """Check that phase and record agree."""
    status, phase = life.record.status, life.phase
    fitting: dict[Phase, bool] = {
        Phase.PENDING: status == "pending",
        Phase.STARTING: status == "pending",
        Phase.RUNNING: status == "running" and not life.record.is_canceled,
        Phase.WAITING: status in WAITING_STATUSES,
        Phase.ENDING: life.record.is_canceled and status not in FINISHED_STATUSES,
        Phase.FINISHED: status in FINISHED_STATUSES,
        Phase.ELSEWHERE: status in ACTIVE_STATUSES,
        Phase.UNREADABLE: status not in FINISHED_STATUSES,
    }
    assert fitting.get(phase, True), f"the run is {status} while it is {phase.value}"


def check_fold(life: Life) -> None:
    """Check that the record is the fold of the events."""
    history = life.core.log.history()
    if history and history[0].seq == 0:
        assert fold(history) == life.record
