"""One run for one id: started once, attached to, and followed wherever it is driven."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.flows import add_one, observed, sleeps
from tests.suspending import Calls, all_events, check, cut
from trioflow import Engine, StepContext, Workflow, open_engine, step
from trioflow.abc import Append, Instrument, PartInfo, StoredRun, TraceIds
from trioflow.errors import (
    DuplicateRunError,
    InvalidValueError,
    JournalConflictError,
    RunStateError,
    StoreError,
    UnknownRunError,
)
from trioflow.events import Event, Start
from trioflow.stores import MemoryStore

DURABILITIES = ["step", "async", "exit"]
each_durability = pytest.mark.parametrize("durability", DURABILITIES)


@step
async def got(value: Any, ctx: StepContext) -> Any:
    return ctx.resume_data


SLOW = Workflow("slow", input=int, output=str).then(sleeps(60))
OTHER = Workflow("other", input=int, output=int).then(add_one)
WAITS = Workflow("waits", input=int, output=Any).wait_for_event("go", got)


def engine_on(store: MemoryStore | None, **options: Any) -> Any:
    return open_engine(plugins=[], store=store, workflows=[SLOW, OTHER, WAITS], **options)


@attrs.define(eq=False)
class LateStore(MemoryStore):
    """Answers `get` once before, and then never before, another one has written."""

    meanwhile: Any = None
    """Is awaited after the first look at the store."""
    delay: float = 0

    def __attrs_pre_init__(self) -> None:
        MemoryStore.__init__(self)

    async def get(self, run_id: str) -> StoredRun | None:
        found = await super().get(run_id)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return found

    async def append(self, appends: Sequence[Append]) -> Sequence[JournalConflictError | None]:
        await trio.sleep(self.delay)
        return await super().append(appends)


class Hears(Instrument):
    """Remembers which runs began and what happened to them."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.types: list[str] = []

    def on_begin(self, part: PartInfo) -> TraceIds | None:
        self.begun.append(part.run_id)
        return None

    def on_event(self, event: Event) -> None:
        self.types.append(event.type)


# ---------------------------------------------------------------- start_once
class TestStartOnce:
    @each_durability
    async def test_the_start_is_on_disk_before_a_body_runs(self, durability: Any) -> None:
        store, seen = MemoryStore(), []

        @step
        async def looks(value: int) -> int:
            stored = await store.get("r")
            assert stored is not None
            seen.append((stored.status, stored.header.input, stored.last_seq >= 0))
            return value

        async with engine_on(store, durability=durability) as engine:
            flow = Workflow("w", input=int, output=int).then(looks)
            run = await engine.start_once(flow, 7, run_id="r", by="ann")
            assert [entry.seq for entry in await store.read("r")][:1] == [0]
            assert run is not None
            assert (await run.wait()).output == 7
            recorded = await all_events(engine, "r")
            check(run, flow)

        assert seen == [("running", "7", True)]
        assert isinstance(recorded[0], Start)
        assert recorded[0].by == "ann"

    @each_durability
    async def test_of_several_engines_one_gets_it(
        self, durability: Any, autojump_clock: MockClock
    ) -> None:
        calls, store = Calls(), MemoryStore()
        flow = Workflow("w").then(calls.does())
        found: list[Any] = []

        async def start(engine: Engine) -> None:
            found.append(await engine.start_once(flow, 1, run_id="r"))

        options = {"durability": durability}
        async with engine_on(store, **options) as one, engine_on(store, **options) as other:
            async with trio.open_nursery() as nursery:
                for engine in (one, other, one, other):
                    nursery.start_soon(start, engine)
            [run] = [run for run in found if run is not None]
            await run.wait()
            assert await one.start_once(flow, 1, run_id="r") is None
        assert calls.made["does"] == 1

    async def test_who_comes_second_by_a_hair_tells_no_instrument_of_an_event(
        self, autojump_clock: MockClock
    ) -> None:
        store, hears = LateStore(), Hears()
        async with engine_on(store) as first, engine_on(store, instruments=[hears]) as second:

            async def be_faster() -> None:
                assert await first.start_once("slow", 1, run_id="r") is not None

            store.meanwhile = be_faster
            assert await second.start_once("slow", 1, run_id="r") is None
            assert hears.types == []
            assert [run.run_id for run in await second.list_runs()] == ["r"]
            assert (await (await second.load_run("r")).wait()).status == "success"

    async def test_without_a_store_it_is_once_in_this_engine(self) -> None:
        async with engine_on(None) as engine:
            run = await engine.start_once("other", 1, run_id="r")
            assert run is not None
            assert (await run.wait()).output == 2
            assert await engine.start_once("other", 1, run_id="r") is None

    async def test_what_is_wrong_is_raised_and_leaves_the_id_free(self) -> None:
        store = MemoryStore()
        async with engine_on(store) as engine:
            with pytest.raises(InvalidValueError):
                await engine.start_once("other", "text", run_id="r")
            assert await engine.count_runs() == 0
            assert await engine.start_once("other", 1, run_id="r") is not None

    async def test_a_store_that_is_away_is_raised_and_leaves_the_id_free(self) -> None:
        class Away(MemoryStore):
            is_away = False

            async def append(
                self, appends: Sequence[Append]
            ) -> Sequence[JournalConflictError | None]:
                if self.is_away:
                    raise StoreError("away", "it is away")
                return await super().append(appends)

        store = Away()
        async with engine_on(store) as engine:
            store.is_away = True
            with pytest.raises(StoreError, match="it is away"):
                await engine.start_once("other", 1, run_id="r")
            store.is_away = False
            run = await engine.start_once("other", 1, run_id="r")
            assert run is not None
            assert (await run.wait()).output == 2

    async def test_who_is_canceled_meanwhile_has_started_it(
        self, autojump_clock: MockClock
    ) -> None:
        store = LateStore(delay=10)
        async with engine_on(store) as engine:
            with trio.move_on_after(1) as scope:
                await engine.start_once("other", 1, run_id="r")
            assert scope.cancelled_caught
            assert await engine.start_once("other", 1, run_id="r") is None
            assert (await engine.get_run("r").wait()).output == 2

    async def test_an_engine_that_closes_meanwhile_leaves_it_to_be_recovered(
        self, autojump_clock: MockClock
    ) -> None:
        store = LateStore(delay=10)
        async with engine_on(store) as engine:
            with trio.move_on_after(1):
                await engine.start_once("slow", 1, run_id="r")
        stored = await store.get("r")
        assert stored is not None
        assert (stored.status, stored.held_for) == ("running", 0)
        async with engine_on(store, recover=True) as engine:
            assert (await engine.get_run("r").wait()).status == "success"

    async def test_a_closed_engine_refuses(self) -> None:
        async with engine_on(None) as engine:
            pass
        with pytest.raises(RunStateError, match="its engine is closed"):
            await engine.start_once("other", 1, run_id="r")


# ---------------------------------------------------------------- attach
class TestAttach:
    @each_durability
    async def test_the_second_gets_the_run_of_the_first(
        self, durability: Any, autojump_clock: MockClock
    ) -> None:
        store, calls = MemoryStore(), Calls()
        flow = Workflow("w").then(calls.does()).then(sleeps(60))
        options = {"durability": durability}
        async with engine_on(store, **options) as one, engine_on(store, **options) as other:
            first = one.submit(flow, 1, run_id="r", if_exists="attach")
            await wait_all_tasks_blocked()
            second = other.submit(flow, 2, run_id="r", if_exists="attach")
            again = other.submit(flow, 3, run_id="r", if_exists="attach")
            results = [await run.wait() for run in (first, second, again)]

        assert again is second
        assert [result.input for result in results] == [1, 1, 1]
        assert [result.output for result in results] == ["sleeps"] * 3
        assert calls.made["does"] == 1
        assert trio.current_time() == pytest.approx(60, abs=1)

    async def test_a_finished_run_is_attached_to_with_its_result(self) -> None:
        store = MemoryStore()
        async with engine_on(store) as engine:
            await engine.submit("other", 1, run_id="r", tags=["t"], resource_id="ann").wait()
        async with engine_on(store) as engine:
            run = engine.submit("other", 5, run_id="r", if_exists="attach")
            assert run.status == "pending"
            assert (await run.wait()).output == 2
            assert (run.tags, run.resource_id) == (("t",), "ann")
            assert (await observed(run))[-1].type == "finish"
            assert await engine.count_runs() == 1
            assert engine.submit("other", 5, run_id="r", if_exists="attach") is run

    async def test_a_suspended_run_is_attached_to_and_can_be_resumed(self) -> None:
        store, flow = MemoryStore(), Workflow("w").then(Calls().asks())
        async with engine_on(store) as engine:
            await engine.submit(flow, 1, run_id="r").wait()
        async with engine_on(store) as engine:
            run = engine.submit(flow, 1, run_id="r", if_exists="attach")
            assert (await run.wait()).status == "suspended"
            assert (await run.resume("yes")).output == "asks:yes"

    async def test_an_interrupted_run_is_followed_until_somebody_has_recovered_it(
        self, autojump_clock: MockClock
    ) -> None:
        store = MemoryStore()
        async with engine_on(store) as engine:
            engine.submit("slow", 1, run_id="r")
            await wait_all_tasks_blocked()
        async with engine_on(store) as engine:
            run = engine.submit("slow", 1, run_id="r", if_exists="attach")
            with trio.move_on_after(100):
                await run.wait()
            assert run.status == "running"
            await engine.recover()
            assert engine.get_run("r") is run
            assert (await run.wait()).status == "success"

    async def test_a_run_of_another_workflow_is_not_attached_to(
        self, autojump_clock: MockClock
    ) -> None:
        store = MemoryStore()
        async with engine_on(store) as one, engine_on(store) as other:
            one.submit("slow", 1, run_id="r")
            await wait_all_tasks_blocked()
            with pytest.raises(DuplicateRunError):
                one.submit("other", 1, run_id="r", if_exists="attach")
            run = other.submit("other", 1, run_id="r", if_exists="attach")
            assert await observed(run) == []
            with pytest.raises(DuplicateRunError):
                await run.wait()
            with pytest.raises(UnknownRunError):
                other.get_run("r")
            assert (await (await other.load_run("r")).wait()).status == "success"

    async def test_nothing_of_an_attached_run_is_told_to_instruments(self) -> None:
        store, hears = MemoryStore(), Hears()
        async with engine_on(store) as engine:
            await engine.submit("other", 1, run_id="r").wait()
        async with engine_on(store, instruments=[hears]) as engine:
            await engine.submit("other", 1, run_id="r", if_exists="attach").wait()
        assert (hears.begun, hears.types) == ([], [])

    async def test_what_was_asked_of_it_meanwhile_is_asked_of_the_stored_run(
        self, autojump_clock: MockClock
    ) -> None:
        store = MemoryStore()
        async with engine_on(store) as one, engine_on(store) as other:
            for run_id in ("sent", "canceled"):
                one.submit("waits", 1, run_id=run_id)
            await wait_all_tasks_blocked()
            sent = other.submit("waits", 1, run_id="sent", if_exists="attach")
            sent.send_event("go", "early")
            canceled = other.submit("waits", 1, run_id="canceled", if_exists="attach")
            canceled.cancel("changed my mind")
            assert (await sent.wait()).output == "early"
            result = await canceled.wait()
            assert (result.status, result.reason) == ("canceled", "changed my mind")

    async def test_without_a_store_it_is_that_of_this_engine(self) -> None:
        async with engine_on(None) as engine:
            run = engine.submit("other", 1, run_id="r", if_exists="attach")
            assert engine.submit("other", 2, run_id="r", if_exists="attach") is run
            assert (await run.wait()).output == 2

    @pytest.mark.parametrize(
        ("options", "problem"),
        [
            ({"if_exists": "attach"}, 'if_exists="attach" needs run_id='),
            ({"if_exists": "replace", "run_id": "r"}, 'must be "raise" or "attach"'),
        ],
    )
    async def test_it_needs_an_id(self, options: Any, problem: str) -> None:
        async with engine_on(None) as engine:
            with pytest.raises(ValueError, match=problem):
                engine.submit("other", 1, **options)

    async def test_a_store_that_fails_is_raised_to_who_waits(self) -> None:
        class Broken(MemoryStore):
            async def get(self, run_id: str) -> StoredRun | None:
                raise StoreError("broken", "it is broken")

        async with engine_on(Broken()) as engine:
            run = engine.submit("other", 1, run_id="r", if_exists="attach")
            with pytest.raises(StoreError, match="it is broken"):
                await run.wait()
            with pytest.raises(UnknownRunError):
                engine.get_run("r")


class TestRaise:
    @each_durability
    async def test_an_id_that_only_the_store_has_is_raised_to_who_waits(
        self, durability: Any
    ) -> None:
        store = MemoryStore()
        async with engine_on(store) as engine:
            await engine.submit("other", 1, run_id="r").wait()
        async with engine_on(store, durability=durability) as engine:
            run = engine.submit("other", 5, run_id="r")
            with pytest.raises(DuplicateRunError, match="run 'r' already exists"):
                await run.wait()
            with pytest.raises(UnknownRunError):
                engine.get_run("r")
            assert (await (await engine.load_run("r")).wait()).output == 2

    async def test_an_id_is_free_again_if_the_input_does_not_fit(self) -> None:
        async with engine_on(None) as engine:
            with pytest.raises(InvalidValueError) as caught:
                engine.submit("other", "text", run_id="r")
            assert caught.value.what == "input"
            assert (await engine.submit("other", 1, run_id="r").wait()).output == 2


# ---------------------------------------------------------------- following
class TestARunThatIsDrivenElsewhere:
    async def test_is_waited_for_by_many(self, autojump_clock: MockClock) -> None:
        store = MemoryStore()
        async with engine_on(store) as one, engine_on(store) as other:
            one.submit("slow", 1, run_id="r")
            await wait_all_tasks_blocked()
            run = await other.load_run("r")
            results: list[Any] = []

            async def wait() -> None:
                results.append(await run.wait())

            async with trio.open_nursery() as nursery:
                for _ in range(3):
                    nursery.start_soon(wait)
            assert [result.output for result in results] == ["sleeps"] * 3
            check(run, SLOW)

    async def test_is_observed_to_its_end(self, autojump_clock: MockClock) -> None:
        store = MemoryStore()
        async with engine_on(store) as one, engine_on(store) as other:
            driven = one.submit("slow", 1, run_id="r")
            await wait_all_tasks_blocked()
            run = await other.load_run("r")
            seen = await observed(run, max_buffer_size=1)
            assert seen == await observed(driven)
            assert run.status == "success"

    async def test_who_waits_is_told_if_it_is_deleted(self, autojump_clock: MockClock) -> None:
        store = MemoryStore()
        async with engine_on(store) as engine:
            engine.submit("slow", 1, run_id="r")
            await wait_all_tasks_blocked()
        async with engine_on(store) as engine, trio.open_nursery() as nursery:
            run = await engine.load_run("r")

            async def wait() -> None:
                with pytest.raises(UnknownRunError):
                    await run.wait()

            nursery.start_soon(wait)
            await wait_all_tasks_blocked()
            await store.delete("r")

    async def test_who_waits_is_told_when_the_engine_closes(
        self, autojump_clock: MockClock
    ) -> None:
        store = MemoryStore()
        async with trio.open_nursery() as nursery, engine_on(store) as one:
            one.submit("slow", 1, run_id="r")
            await wait_all_tasks_blocked()

            async def wait(run: Any) -> None:
                with pytest.raises(RunStateError, match="the engine that followed it is closed"):
                    await run.wait()

            async def observe(run: Any) -> None:
                types = [event.type for event in await observed(run)]
                assert types == ["start", "step-start"]

            async with engine_on(store) as other:
                run = await other.load_run("r")
                nursery.start_soon(wait, run)
                nursery.start_soon(observe, run)
                await wait_all_tasks_blocked()
            with pytest.raises(RunStateError, match="is closed"):
                await run.wait()

    @pytest.mark.slow
    async def test_is_not_followed_once_nobody_holds_it(self, autojump_clock: MockClock) -> None:
        class Counts(MemoryStore):
            looks = 0

            async def get(self, run_id: str) -> StoredRun | None:
                self.looks += 1
                return await super().get(run_id)

        store = Counts()
        async with engine_on(store) as engine:
            engine.submit("slow", 1, run_id="r")
            await wait_all_tasks_blocked()
        async with engine_on(store) as engine:
            run = await engine.load_run("r")
            with trio.move_on_after(0.9):  # not while the store is looked at
                await run.wait()
            del run
            await trio.lowlevel.checkpoint()  # Trio forgets that this task was canceled
            gc.collect()  # a run and its journal know each other
            await trio.sleep(1)
            before = store.looks
            await trio.sleep(100)
            assert store.looks == before

    async def test_a_store_that_is_away_for_a_while_is_looked_at_again(
        self, autojump_clock: MockClock
    ) -> None:
        class Away(MemoryStore):
            until = 0.0

            async def get(self, run_id: str) -> StoredRun | None:
                if trio.current_time() < self.until:
                    raise StoreError("away", "it is away", transient=True)
                return await super().get(run_id)

        store = Away()
        async with engine_on(store) as one, engine_on(store) as other:
            one.submit("slow", 1, run_id="r")
            await wait_all_tasks_blocked()
            run = await other.load_run("r")
            store.until = trio.current_time() + 30
            assert (await run.wait()).status == "success"

    async def test_damage_is_raised_to_who_waits(self, autojump_clock: MockClock) -> None:
        store = MemoryStore()
        async with engine_on(store) as engine:
            engine.submit("slow", 1, run_id="r")
            await wait_all_tasks_blocked()
        cut_short = await cut(store, "r", 1)
        async with engine_on(cut_short) as engine, trio.open_nursery() as nursery:
            run = await engine.load_run("r")

            async def wait() -> None:
                with pytest.raises(ValueError, match="journal of run r cannot be read at entry 1"):
                    await run.wait()

            nursery.start_soon(wait)
            await wait_all_tasks_blocked()
            entry = (await store.read("r"))[1]
            damaged = attrs.evolve(entry, text=entry.text[:-1])
            append = Append(run_id="r", entries=(damaged,), after=0, status="running")
            assert await cut_short.append([append]) == [None]


# ---------------------------------------------------------------- processes
PROGRAM = """
import sys
import trio
from trioflow import Workflow, open_engine, step

@step
async def leaves_a_mark(value: int) -> int:
    with open(sys.argv[2], "a") as marks:
        marks.write("x")
    return value

flow = Workflow("flow", input=int, output=int).then(leaves_a_mark)

async def main():
    url, _, durability, how = sys.argv[1:]
    async with open_engine(workflows=[flow], store=url, durability=durability) as engine:
        if how == "once":
            run = await engine.start_once(flow, 7, run_id="r")
            print("taken" if run is None else (await run.wait()).output)
        else:
            run = engine.submit(flow, 7, run_id="r", if_exists="attach")
            print((await run.wait()).output)

trio.run(main)
"""


@pytest.mark.slow  # new interpreters
@pytest.mark.parametrize(("how", "durability"), [("once", "exit"), ("attach", "async")])
async def test_of_several_processes_one_runs_the_body(
    how: str, durability: str, tmp_path: Any
) -> None:
    pytest.importorskip("trioflow_sql", reason="trioflow-sql is not installed")
    url, marks = f"sqlite:{tmp_path / 'runs.db'}", tmp_path / "marks"
    said: list[str] = []

    async def start() -> None:
        command = [sys.executable, "-c", PROGRAM, url, str(marks), durability, how]
        done = await trio.run_process(command, capture_stdout=True)
        said.append(done.stdout.decode().strip())

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(start)

    assert marks.read_text() == "x"
    expected = ["7", "taken", "taken"] if how == "once" else ["7", "7", "7"]
    assert sorted(said) == expected
