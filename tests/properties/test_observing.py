"""Observers that come at any moment of runs that have several parts, and what they see.

The runs wait for answers, are loaded from journals that have no chunks, and go back to earlier
steps again and again.
"""

from __future__ import annotations

import random
from contextlib import AsyncExitStack
from typing import Any

import attrs
import trio
import trio._core._run
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.properties.askers import Deeds, Flow, Nested, build, flows
from tests.properties.scale import examples
from tests.properties.test_suspending import ENDLESS, run_straight
from trioflow import Engine, EventStream, Run, RunResult, fold, open_engine
from trioflow._engine.history.suspensions import suspensions
from trioflow._engine.stream.reader import OnFull
from trioflow.addresses import Address
from trioflow.errors import HistoryGap
from trioflow.events import Event
from trioflow.stores import MemoryStore
from trioflow.testing import check_events

ON_FULL: tuple[OnFull, ...] = ("wait", "gap")
RESTS = (0.0, 0.0, 0.3, 1.0)
"""Seconds between two events that an observer takes, or between two observers."""


@attrs.define(eq=False)
class Visit:
    """One observer: when it came, what it wanted, and what it saw."""

    run: Run[Any, Any]
    after: int | None
    came: int
    """How many events the run had had."""
    was_settled: bool
    saw: list[Event] = attrs.field(factory=list)
    missed: bool = False

    def wanted(self, events: list[Event]) -> list[Event]:
        """Return which of the run's events it should see: those of the part in which it came."""
        first = 0 if self.after is None else self.after + 1
        end = self.came
        if not self.was_settled:
            end = next(e.seq for e in events if e.type == "finish" and e.seq >= self.came) + 1
        return [event for event in events if first <= event.seq < end]

    def check(self, events: list[Event]) -> None:
        wanted = self.wanted(events)
        assert self.saw == (wanted[: len(self.saw)] if self.missed else wanted)


@attrs.define(eq=False)
class Play:
    """Runs one workflow, answers it, and lets it go back, while observers come and go."""

    workflow: Flow
    chance: random.Random
    travels: int
    """How often the run goes back to an earlier step."""
    store: MemoryStore | None
    visitors: trio.Nursery | None = None
    engines: AsyncExitStack = attrs.field(factory=AsyncExitStack)
    visits: list[Visit] = attrs.field(factory=list)
    runs: list[Run[Any, Any]] = attrs.field(factory=list)
    results: list[RunResult[Any]] = attrs.field(factory=list)
    """What the run came to at first, and after each time that it went back."""

    async def play(self) -> None:
        with trio.fail_after(ENDLESS):
            async with trio.open_nursery() as self.visitors, self.engines:
                run = (await self.open()).create_run(self.workflow)
                self.show(run)
                run, result = await self.answer_all(run, await run.start(0))
                self.results.append(result)
                for _ in range(self.travels if destinations(run) else 0):
                    if self.store is None and not run._life.core.log.readers.holds(None):
                        break  # a long run in memory has let go of what lies before it
                    run, result = await self.go_back(run)
                    self.results.append(result)

    async def open(self) -> Engine:
        """Open another engine, for as long as the play goes on."""
        return await self.engines.enter_async_context(
            open_engine(
                plugins=[], store=self.store, workflows=[self.workflow], journal_chunks=False
            )
        )

    async def answer_all(
        self, run: Run[Any, Any], result: RunResult[Any]
    ) -> tuple[Run[Any, Any], RunResult[Any]]:
        """Answer the run until it is over, now and then in an engine that loads it."""
        while result.status == "suspended":
            if self.store is not None and self.chance.random() < 0.3:
                run = await (await self.open()).load_run(run.run_id)
                self.show(run)
            one = self.chance.choice(suspensions(run.record))
            asked = run.record.calls[one.address].suspend_payload["asked"]
            result = await run.resume(f"answer {asked}", label=one.label)
        return run, result

    async def go_back(self, run: Run[Any, Any]) -> tuple[Run[Any, Any], RunResult[Any]]:
        step = self.chance.choice(destinations(run))
        async with (await run.fork(step)).stream() as stream:
            self.show(stream.run)
            result = await stream.get_workflow_state()
        return await self.answer_all(stream.run, result)

    # ------------------------------------------------------------ observers
    def show(self, run: Run[Any, Any]) -> None:
        """Let observers come to this run."""
        assert self.visitors is not None
        self.runs.append(run)
        for _ in range(self.chance.randrange(4)):
            self.visitors.start_soon(self.visit, run)

    async def visit(self, run: Run[Any, Any]) -> None:
        await trio.sleep(self.chance.choice(RESTS))
        came = run.record.next_seq
        after = self.chance.choice([None, None, came - 1, self.chance.randrange(came + 3)])
        size, on_full = self.chance.choice([1, 2, 5, 64]), self.chance.choice(ON_FULL)
        was_settled = run._life.result is not None
        async with run.observe(after, max_buffer_size=size, on_full=on_full) as stream:
            visit = Visit(run, after, came, was_settled)
            self.visits.append(visit)
            await self.read(stream, visit)

    async def read(self, stream: EventStream, visit: Visit) -> None:
        takes_some = self.chance.random() < 0.5
        try:
            while True:
                batch = await stream.receive_some() if takes_some else [await stream.receive()]
                if not batch:
                    return
                visit.saw += batch
                await trio.sleep(self.chance.choice(RESTS))
        except trio.EndOfChannel:
            return
        except HistoryGap:
            visit.missed = True


def destinations(run: Run[Any, Any]) -> list[str]:
    """Return the steps that one can go back to: all but those inside of items."""
    return [
        id
        for id, record in run.record.steps.items()
        if all(outer.item is None for outer in Address.parse(record.address).walk())
    ]


@settings(max_examples=examples(20, 1000))
@given(flows(), st.integers(0, 2**16), st.integers(0, 3), st.booleans())
def test_observers_see_the_part_in_which_they_come(
    spec: Nested, seed: int, travels: int, is_durable: bool
) -> None:
    schedule: random.Random = trio._core._run._r
    schedule.seed(seed)
    workflow = build(spec, Deeds(), writing=True)
    store = MemoryStore() if is_durable else None
    play = Play(workflow, random.Random(seed), travels, store)

    trio.run(play.play, clock=MockClock(autojump_threshold=0))

    _, expected = run_straight(spec)
    for result in play.results:
        assert (result.status, result.output) == (expected.status, expected.output)
    for run in play.runs:
        log = run._life.core.log
        assume(log.readers.holds(None))
        assert fold(log.history()) == run.record
        if not is_durable:  # a journal has no chunks, and so its events have gaps
            check_events(log.history(), workflow)
    for visit in play.visits:
        visit.check(list(visit.run._life.core.log.history()))
