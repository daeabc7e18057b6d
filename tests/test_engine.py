"""The engine: submitted runs, the registry of runs, definitions by id."""

from __future__ import annotations

from collections import Counter
from contextvars import ContextVar
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.flows import add_one, double, fails, observed, sleeps
from tests.suspending import Calls
from trioflow import Run, Workflow, open_engine, step, tool
from trioflow._engine.life.registry import KEEP_FINISHED, MAX_STARTS
from trioflow.abc import Instrument
from trioflow.errors import (
    DefinitionError,
    DuplicateIdError,
    DuplicateRunError,
    InvalidValueError,
    RunStateError,
    UnknownNameError,
    UnknownRunError,
    UnknownStepError,
)
from trioflow.events import Event
from trioflow.stores import MemoryStore


async def test_a_submitted_run_goes_on_by_itself() -> None:
    workflow = Workflow("w", input=int).then(add_one)
    async with open_engine(plugins=[], workflows=[workflow]) as engine:
        run = engine.submit("w", 1, run_id="r", resource_id="me")
        seen = [event.type for event in await observed(run)]
        result = await run.wait()

    assert result.unwrap() == 2
    assert seen[0] == "start"
    assert seen[-1] == "finish"
    assert run.resource_id == "me"


async def test_leaving_the_engine_cancels_its_runs(autojump_clock: MockClock) -> None:
    async with open_engine(plugins=[]) as engine:
        run = engine.submit(Workflow("w").then(sleeps(60)))
        at_once = engine.submit(Workflow("w").then(sleeps(60)))
        await trio.sleep(1)

    assert trio.current_time() == 1
    for each in (run, at_once):
        assert (each.status, each.record.reason) == ("canceled", "the engine was closed")


async def test_a_run_that_is_submitted_last_is_canceled_too() -> None:
    async with open_engine(plugins=[]) as engine:
        run = engine.submit(Workflow("w").then(sleeps(60)))

    assert run.status == "canceled"


async def test_what_the_block_raises_leaves_it_as_itself() -> None:
    with pytest.raises(KeyError):
        async with open_engine(plugins=[]) as engine:
            engine.submit(Workflow("w").then(sleeps(60)))
            raise KeyError


async def test_a_failed_run_does_not_disturb_the_others(autojump_clock: MockClock) -> None:
    async with open_engine(plugins=[]) as engine:
        bad = engine.submit(Workflow("bad").then(fails(ValueError())))
        good = engine.submit(Workflow("good").then(sleeps(1)))

        assert (await bad.wait()).status == "failed"
        assert (await good.wait()).unwrap() == "sleeps"


async def test_bad_input_is_raised_by_submit() -> None:
    async with open_engine(plugins=[], workflows=[Workflow("w", input=int)]) as engine:
        with pytest.raises(InvalidValueError, match="input of workflow 'w'"):
            engine.submit("w", "x")


async def test_nodes_name_steps_tools_and_workflows_by_id() -> None:
    @tool
    async def triple(value: int) -> int:
        return value * 3

    workflow = Workflow("w").then("add_one").then("triple").then("inner")
    async with open_engine(
        plugins=[],
        steps=[add_one, double],
        tools=[triple],
        workflows=[workflow, Workflow("inner").then("double")],
    ) as engine:
        assert (await engine.create_run("w").start(1)).unwrap() == 12
        assert list(engine.steps) == ["add_one", "double"]
        assert list(engine.tools) == ["triple"]
        assert list(engine.workflows) == ["w", "inner"]


async def test_an_unknown_id_is_found_when_the_engine_opens() -> None:
    with pytest.raises(UnknownStepError, match="did you mean 'add_one'"):
        async with open_engine(
            plugins=[], steps=[add_one], workflows=[Workflow("w").then("add_noe")]
        ):
            pass


async def test_an_unknown_id_is_found_when_a_run_is_created() -> None:
    with pytest.raises(UnknownStepError, match="is its plugin installed"):
        Workflow("w").then("nobody.has_it").create_run()


async def test_a_workflow_that_contains_itself_is_refused() -> None:
    with pytest.raises(DefinitionError, match="contains itself: a > b > a"):
        async with open_engine(
            plugins=[], workflows=[Workflow("a").then("b"), Workflow("b").then("a")]
        ):
            pass


async def test_an_id_is_given_once() -> None:
    with pytest.raises(DuplicateIdError, match="'double' is already provided by 'open_engine'"):
        async with open_engine(plugins=[], steps=[double], workflows=[Workflow("double")]):
            pass


async def test_what_is_no_definition_is_refused() -> None:
    with pytest.raises(DefinitionError, match="is not a step; give steps under steps="):
        async with open_engine(plugins=[], steps=[print]):  # type: ignore[list-item]
            pass


@pytest.mark.parametrize("places", [0, -1, 1.5, True, "2"])
async def test_a_limit_is_a_whole_number(places: Any) -> None:
    with pytest.raises(DefinitionError, match="limit 'gpu'"):
        async with open_engine(plugins=[], limits={"gpu": places}):
            pass


@pytest.mark.parametrize("options", [{"limit": "gpu"}, {"runner": "process"}])
async def test_limits_and_runners_that_nobody_has_are_refused(options: Any) -> None:
    @step(**options)
    async def needs_it(value: int) -> int:
        return value

    with pytest.raises(UnknownNameError, match="step 'needs_it': unknown"):
        Workflow("w").then(needs_it).create_run()


async def test_an_async_step_cannot_run_in_a_thread() -> None:
    @step(runner="thread")
    async def confused(value: int) -> int:
        return value

    with pytest.raises(DefinitionError, match="an async def cannot run in a thread"):
        Workflow("w").then(confused).create_run()


async def test_a_blocking_step_may_run_inline() -> None:
    @step(runner="inline")
    def quick(value: int) -> int:
        return value + 1

    assert await Workflow("w").then(quick).run(1) == 2


MANY = 5 * MAX_STARTS + 3


class Passes(trio.abc.Instrument):
    """Counts the passes of Trio's scheduler."""

    number = 0

    def before_io_wait(self, timeout: float) -> None:
        self.number += 1


class TestManyRunsAtOnce:
    async def test_a_few_begin_in_each_pass_of_the_scheduler_first_come_first(
        self,
    ) -> None:
        passes = Passes()
        begun: list[tuple[int, int]] = []

        @step
        async def note(value: int) -> None:
            begun.append((passes.number, value))

        trio.lowlevel.add_instrument(passes)
        workflow = Workflow("w").then(note)
        async with open_engine(plugins=[]) as engine:
            runs = [engine.submit(workflow, number) for number in range(MANY)]
            for run in runs:
                await run.wait()

        assert max(Counter(number for number, _ in begun).values()) == MAX_STARTS
        assert sorted(value for _, value in begun) == list(range(MANY))
        last = {value: number for number, value in begun}
        assert sorted(last, key=lambda value: (last[value], value)) == list(range(MANY))

    async def test_readers_see_the_first_runs_before_the_last_ones_begin(self) -> None:
        seen: list[str] = []

        async def read(number: int) -> None:
            for event in await observed(engine.submit(workflow, number)):
                if event.type in ("start", "finish"):
                    seen.append(event.type)

        workflow = Workflow("w").then(add_one)
        async with open_engine(plugins=[]) as engine, trio.open_nursery() as nursery:
            for number in range(MANY):
                nursery.start_soon(read, number)

        assert Counter(seen) == {"start": MANY, "finish": MANY}
        assert seen.index("finish") < MANY // 2

    @pytest.mark.slow
    async def test_those_that_take_long_hold_up_nobody(self, autojump_clock: MockClock) -> None:
        passes = Passes()
        begun: list[int] = []

        @step
        async def dozes(value: object) -> None:
            begun.append(passes.number)
            autojump_clock.jump(0.01)  # others have to wait for so long
            await trio.sleep(60)

        async with open_engine(plugins=[]) as engine:
            trio.lowlevel.add_instrument(passes)
            runs = [engine.submit(Workflow("w").then(dozes)) for _ in range(50 * MAX_STARTS)]
            for run in runs:
                await run.wait()

        assert trio.current_time() < 70
        assert begun[-1] <= 10  # each pass lets in twice as many as the one before

    async def test_a_closed_engine_takes_none(self) -> None:
        asking = Workflow("w").then(Calls().asks())
        async with open_engine(plugins=[]) as engine:
            waiting = engine.submit(asking)
            await waiting.wait()
        for _ in range(MANY):
            with pytest.raises(RunStateError, match="its engine is closed; open another"):
                engine.submit(Workflow("w"))
        with pytest.raises(RunStateError, match="is suspended: its engine is closed"):
            await waiting.resume(1)
        assert waiting.status == "suspended"

    async def test_each_has_the_context_of_who_submitted_it(self) -> None:
        tenant: ContextVar[int] = ContextVar("tenant")

        @step
        async def ask(value: object) -> int:
            return tenant.get()

        async def submit(number: int) -> None:
            tenant.set(number)
            assert (await engine.submit(workflow).wait()).unwrap() == number

        workflow = Workflow("w").then(ask)
        async with open_engine(plugins=[]) as engine, trio.open_nursery() as nursery:
            for number in range(MANY):
                nursery.start_soon(submit, number)

    async def test_one_that_has_not_begun_can_be_canceled(self) -> None:
        async with open_engine(plugins=[]) as engine:
            runs = [engine.submit(Workflow("w").then(add_one), 1) for _ in range(MANY)]
            runs[-1].cancel("not needed")
            events = [event.type for event in await observed(runs[-1])]
            results = [await run.wait() for run in runs]

        assert events == ["start", "canceled", "finish"]
        assert [result.status for result in results] == ["success"] * (MANY - 1) + ["canceled"]
        assert results[-1].reason == "not needed"

    async def test_closing_the_engine_cancels_those_that_have_not_begun(self) -> None:
        async with open_engine(plugins=[]) as engine:
            runs = [engine.submit(Workflow("w").then(sleeps(60))) for _ in range(MANY)]

        assert {run.status for run in runs} == {"canceled"}
        assert {run.record.reason for run in runs} == {"the engine was closed"}


class TestRegistry:
    async def test_runs_are_found_by_id(self, autojump_clock: MockClock) -> None:
        async with open_engine(plugins=[]) as engine:
            first = engine.submit(Workflow("a").then(sleeps(1)), run_id="r1")
            second = engine.create_run(Workflow("b"), run_id="r2")

            assert engine.get_run("r1") is first
            assert engine.get_run("r2") is second
            with pytest.raises(UnknownRunError, match="no run 'r3'"):
                engine.get_run("r3")

    async def test_ids_are_used_once(self) -> None:
        async with open_engine(plugins=[]) as engine:
            run = engine.create_run(Workflow("w"), run_id="r1")
            with pytest.raises(DuplicateRunError):
                engine.submit(Workflow("w"), run_id="r1")
            assert run.status == "pending"

    async def test_an_unknown_workflow_is_named(self) -> None:
        async with open_engine(plugins=[], workflows=[Workflow("weather")]) as engine:
            with pytest.raises(UnknownNameError, match="did you mean 'weather'"):
                engine.create_run("wether")

    async def test_it_does_not_grow_without_bound(self) -> None:
        workflow = Workflow("w")
        async with open_engine(plugins=[]) as engine:
            for number in range(KEEP_FINISHED + 10):
                await engine.submit(workflow, run_id=f"r{number}").wait()

            assert await engine.count_runs() <= KEEP_FINISHED + 1
            with pytest.raises(UnknownRunError):
                engine.get_run("r0")

    async def test_nor_by_runs_that_are_canceled_while_they_wait(self) -> None:
        workflow = Workflow("w").then(Calls().asks())
        async with open_engine(plugins=[]) as engine:
            for _ in range(KEEP_FINISHED + 10):
                run = engine.submit(workflow)
                await run.wait()
                run.cancel()

            assert await engine.count_runs() <= KEEP_FINISHED + 1

    async def test_an_instrument_may_submit_while_the_engine_closes(self) -> None:
        class Submits(Instrument):
            def on_event(self, event: Event) -> None:
                if event.type == "start" and not more:  # the starts are told of as it closes
                    more.append(engine.submit(workflow))

        more: list[Run[Any, Any]] = []
        workflow = Workflow("w").then(sleeps(60))
        store = MemoryStore()
        async with open_engine(plugins=[], store=store, instruments=[Submits()]) as engine:
            for number in range(3):
                engine.submit(workflow, run_id=str(number))

        assert more
        assert {run.status for run in more} == {"canceled"}
