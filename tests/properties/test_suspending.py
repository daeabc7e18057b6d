"""Workflows that suspend, are answered in any order, and lose their process at any event.

They must come to the same result as workflows that never stop, with the same side effects.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import pytest
import trio
import trio._core._run
from hypothesis import example, given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.properties.askers import Asker, Deeds, Flow, Nested, Node, build, flows
from tests.suspending import cut, deaths
from trioflow import Engine, Run, RunResult, events, open_engine
from trioflow._engine.history.suspensions import Suspension, suspensions
from trioflow._engine.journal.codec import decode
from trioflow._engine.journal.writer import Durability
from trioflow.abc import Entry
from trioflow.errors import NotResumableError, NotSuspendedError, RunClaimedError
from trioflow.stores import MemoryStore
from trioflow.testing import check_events

RUN = "r"
ENDLESS = 1e6
"""Seconds that no run takes."""
EXAMPLES = settings.default.max_examples if settings.default else 100
"""Each one opens many engines."""
DURABILITIES: tuple[Durability, ...] = ("step", "async", "exit")


@attrs.define(eq=False)
class Play:
    """Runs one workflow to its end, whatever happens to its process."""

    workflow: Flow
    deeds: Deeds
    chance: random.Random
    crashes: int
    """How often the process may still die."""
    store: MemoryStore = attrs.field(factory=MemoryStore)
    kept: dict[str, int] = attrs.field(factory=dict)
    """How often bodies whose result has survived a crash had come to their end by then."""

    async def play(self) -> RunResult[Any]:
        """Return the result."""
        with trio.fail_after(ENDLESS):
            result: RunResult[Any] | None = await self.begin()
            while result is None or result.status == "suspended":
                await self.check()
                if self.crashes and self.chance.random() < 0.5:
                    await self.crash()
                result = await self.go_on()
            await self.check()
            return result

    def open(self) -> Any:
        return open_engine(
            plugins=[],
            store=self.store,
            workflows=[self.workflow],
            durability=self.chance.choice(DURABILITIES),
        )

    async def begin(self) -> RunResult[Any]:
        async with self.open() as engine:
            return await self.answer_some(engine.submit(self.workflow, 0, run_id=RUN))

    async def go_on(self) -> RunResult[Any] | None:
        """Go on in another process, with the answer that is missing or without."""
        async with self.open() as engine, self.open() as other:
            recovered = await engine.recover()
            if recovered:
                return await self.answer_some(recovered[0])
            run = await engine.load_run(RUN)
            if run.status == "suspended":
                await self.answer([run, await other.load_run(RUN)])
                run = await self.latest(engine, other, run)
            return await self.answer_some(run) if run.status == "suspended" else await run.wait()

    async def latest(self, engine: Engine, other: Engine, run: Run[Any, Any]) -> Run[Any, Any]:
        """Return the run of the engine that went on with it last."""
        return max([run, await other.load_run(RUN)], key=lambda run: run.record.next_seq)

    async def answer_some(self, run: Run[Any, Any]) -> RunResult[Any]:
        """Answer some of the questions in the process that has asked."""
        result = await run.wait()
        while result.status == "suspended" and self.chance.random() < 0.6:
            await self.answer([run] * self.chance.choice([1, 1, 2, 3]))
            result = await run.wait()
        return result

    # ------------------------------------------------------------ answers
    async def answer(self, runs: list[Run[Any, Any]]) -> None:
        """Give answers, all at once; at least one is taken."""
        taken: list[int] = []

        async def resume(run: Run[Any, Any], naming: Mapping[str, Any], data: str) -> None:
            try:
                await run.resume(data, **naming)
            except (NotResumableError, NotSuspendedError, RunClaimedError):
                return
            taken.append(1)

        async with trio.open_nursery() as nursery:
            for run in runs:
                nursery.start_soon(resume, run, *self.choose(run))
        assert taken

    def choose(self, run: Run[Any, Any]) -> tuple[dict[str, Any], str]:
        """Choose a question, and a way to name it."""
        waiting = suspensions(run.record)
        one = self.chance.choice(waiting)
        naming: dict[str, Any] = {"label": one.label}
        alike = [each for each in waiting if each.path == one.path]
        ways = ["label"]
        if len({self.asked(run, each) for each in alike}) == 1:
            ways += ["path", "list"]
        if one.index is not None and [each.index for each in alike].count(one.index) == 1:
            ways += ["index", "index"]
        if len(waiting) == 1:
            ways += ["nothing", "nothing"]
        match self.chance.choice(ways):
            case "path":
                naming = {"step": ".".join(one.path)}
            case "list":
                naming = {"step": list(one.path)}
            case "index":
                naming = {"step": one.path, "index": one.index}
            case "nothing":
                naming = {}
        return naming, f"answer {self.asked(run, one)}"

    def asked(self, run: Run[Any, Any], one: Suspension) -> int:
        return int(run.record.calls[one.address].suspend_payload["asked"])

    # ------------------------------------------------------------ crashes
    async def crash(self) -> None:
        """Lose everything but the first entries of the journal."""
        self.crashes -= 1
        entries = await self.store.read(RUN, limit=10**6)
        count = self.chance.choice(deaths([*decode(RUN, entries)]))
        self.store = await cut(self.store, RUN, count)
        self.kept = {
            address: self.kept.get(address, self.deeds.done[address])
            for address in ended(entries[:count])
        }

    async def check(self) -> None:
        """Check the journal so far."""
        entries = await self.store.read(RUN, limit=10**6)
        check_events(decode(RUN, entries), self.workflow)


def ended(entries: Sequence[Entry]) -> set[str]:
    """Return the addresses of the bodies whose end is recorded."""
    found: set[str] = set()
    for event in decode(RUN, entries):
        if isinstance(event, events.StepResult) and event.status in ("success", "failed"):
            found.add(event.address)
        if isinstance(event, events.StepProgress) and event.status in ("success", "failed"):
            found.add(f"{event.address}[{event.index}]")
    return found


def run_play(spec: Nested, seed: int, crashes: int) -> tuple[Play, RunResult[Any]]:
    """Play, with a schedule that the seed alone decides."""
    schedule: random.Random = trio._core._run._r
    schedule.seed(seed)
    deeds = Deeds()
    play = Play(build(spec, deeds), deeds, random.Random(seed), crashes)
    result: RunResult[Any] = trio.run(play.play, clock=MockClock(autojump_threshold=0))
    return play, result


def run_straight(spec: Nested) -> tuple[Deeds, RunResult[Any]]:
    """Run the workflow without any question."""
    deeds = Deeds()
    workflow = build(spec, deeds, asking=False)
    result: RunResult[Any] = trio.run(
        workflow.create_run().start, 0, clock=MockClock(autojump_threshold=0)
    )
    return deeds, result


@settings(max_examples=EXAMPLES)
@given(flows(), st.integers(0, 2**16))
def test_suspending_changes_neither_result_nor_effects(spec: Nested, seed: int) -> None:
    straight, expected = run_straight(spec)

    play, result = run_play(spec, seed, crashes=0)

    assert (result.status, result.output) == (expected.status, expected.output)
    assert play.deeds.done == straight.done
    assert play.deeds.decided == straight.decided
    assert play.deeds.begun == {address: play.deeds.asks[address] + 1 for address in straight.done}


def items_of_workflows(asks: int) -> Nested:
    """Return a foreach of workflows, whose items have no event of their own that starts them."""
    begin = Node("foreach", (Asker("s0", asks=asks, seconds=0),), number=1, concurrency=1)
    middle = Node("then", (Asker("s1", asks=2, seconds=0),), number=0, concurrency=1)
    end = Node("then", (Asker("s2", asks=1, seconds=0),), number=0, concurrency=1)
    last = Node("then", (Nested("w3", (end,)),), number=0, concurrency=1)
    items = Node("foreach", (Nested("w4", (begin, middle, last)),), number=3, concurrency=2)
    return Nested("w5", (items,))


@pytest.mark.slow
@settings(max_examples=EXAMPLES)
@given(flows(), st.integers(0, 2**16), st.integers(1, 6))
@example(items_of_workflows(2), 232, 4)  # an item's answer was used up, nothing else recorded
@example(items_of_workflows(0), 232, 3)  # a call waits whose item has no record
def test_losing_the_process_changes_neither_result_nor_what_is_recorded(
    spec: Nested, seed: int, crashes: int
) -> None:
    straight, expected = run_straight(spec)

    play, result = run_play(spec, seed, crashes)

    assert (result.status, result.output) == (expected.status, expected.output)
    assert play.deeds.done.keys() == straight.done.keys()
    for address, times in play.kept.items():
        assert play.deeds.done[address] == times
