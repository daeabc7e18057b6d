"""The calendar deadline of a run, or of a nested workflow, from its start on."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.flows import sleeps
from tests.suspending import all_events, check, cut
from trioflow import Retry, RunResult, StepContext, Workflow, events, open_engine, step
from trioflow.errors import DefinitionError, RunTimeoutError
from trioflow.stores import MemoryStore
from trioflow.testing import check_events

Flow = Workflow[Any, Any]


@step
async def ask(value: Any, ctx: StepContext) -> str:
    return f"{await ctx.ask('sure?', bool)}"


class TestARun:
    async def test_that_takes_longer_has_failed(self, autojump_clock: MockClock) -> None:
        ended: list[RunResult[Any]] = []
        flow = Workflow("w", timeout=5, on_finish=ended.append, on_error=ended.append)
        run = flow.then(sleeps(60)).create_run()
        result = await run.start()

        assert trio.current_time() == 5
        assert result.status == "failed"
        assert isinstance(result.error, RunTimeoutError)
        assert isinstance(result.error, TimeoutError)
        assert result.steps["sleeps"].status == "canceled"
        assert [each.status for each in ended] == ["failed", "failed"]
        check(run, flow.then(sleeps(60)))

    async def test_that_ends_in_time_is_a_success(self, autojump_clock: MockClock) -> None:
        result = await Workflow("w", timeout=5).then(sleeps(4)).create_run().start()

        assert result.status == "success"

    async def test_that_swallows_its_end_has_failed(self, autojump_clock: MockClock) -> None:
        @step
        async def stubborn(value: Any) -> str:
            with trio.CancelScope(shield=True):
                await trio.sleep(60)
            return "late"

        result = await Workflow("w", timeout=5).then(stubborn).create_run().start()

        assert isinstance(result.error, RunTimeoutError)

    @pytest.mark.parametrize("timeout", [3, timedelta(seconds=3)])
    async def test_has_the_time_that_its_caller_gives(
        self, timeout: Any, autojump_clock: MockClock
    ) -> None:
        flow = Workflow("w", timeout=60).then(sleeps(10))

        assert isinstance((await flow.create_run().start(timeout=timeout)).error, RunTimeoutError)
        async with flow.create_run().stream(timeout=timeout) as stream:
            assert isinstance((await stream.get_workflow_state()).error, RunTimeoutError)
        with pytest.raises(RunTimeoutError):
            await flow.run(timeout=timeout)
        async with open_engine(plugins=[]) as engine:
            submitted = await engine.submit(flow, timeout=timeout).wait()
            once = await engine.start_once(flow, run_id="r", timeout=timeout)
            assert once is not None
            assert isinstance(submitted.error, RunTimeoutError)
            assert isinstance((await once.wait()).error, RunTimeoutError)
        assert trio.current_time() == 15

    @pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan"), "soon", True])
    async def test_has_a_duration(self, timeout: Any) -> None:
        with pytest.raises(DefinitionError, match="timeout is"):
            Workflow("w", timeout=timeout)
        with pytest.raises(ValueError, match="timeout must be"):
            await Workflow("w").create_run().start(timeout=timeout)

    async def test_that_is_canceled_first_was_canceled(self, autojump_clock: MockClock) -> None:
        run = Workflow("w", timeout=5).then(sleeps(60)).create_run()
        async with run.stream():
            run.cancel()

        assert run.status == "canceled"


class TestASuspendedRun:
    FLOW: Flow = Workflow("w", timeout=60).then(ask)

    async def test_fails_when_its_time_has_passed(self, autojump_clock: MockClock) -> None:
        async with open_engine(plugins=[]) as engine:
            run = engine.submit(self.FLOW)
            await run.wait()
            await trio.sleep(61)
            with trio.fail_after(1):
                result = await run.wait()

        assert isinstance(result.error, RunTimeoutError)
        check(run, self.FLOW)

    async def test_fails_though_it_is_answered_then(self, autojump_clock: MockClock) -> None:
        run = self.FLOW.create_run()
        await run.start()
        await trio.sleep(61)

        assert isinstance((await run.resume(True)).error, RunTimeoutError)

    async def test_the_time_before_an_answer_counts(self, autojump_clock: MockClock) -> None:
        run = Workflow("w", timeout=60).then(ask).then(sleeps(30)).create_run()
        await run.start()
        await trio.sleep(40)

        assert isinstance((await run.resume(True)).error, RunTimeoutError)
        assert trio.current_time() == 60

    @pytest.mark.parametrize("knows", [True, False], ids=["its workflow is known", "is not"])
    async def test_is_ended_by_an_engine_that_recovers(
        self, knows: bool, autojump_clock: MockClock
    ) -> None:
        store = MemoryStore()
        async with open_engine(workflows=[self.FLOW], store=store, plugins=[]) as engine:
            await engine.submit(self.FLOW, run_id="r").wait()
            stored = await store.get("r")
            assert stored is not None
            assert stored.due_at is not None
        flows = [self.FLOW] if knows else []
        await trio.sleep(50)
        options: Any = {"workflows": flows, "store": store, "plugins": [], "recover": True}
        async with open_engine(**options) as one, open_engine(**options):
            assert (await one.list_runs())[0].status == "suspended"
            await trio.sleep(15)
            assert (await one.list_runs())[0].status == "failed"
            recorded = await all_events(one, "r")

        check_events(recorded, self.FLOW)
        assert sum(isinstance(event, events.Finish) for event in recorded) == 2

    async def test_is_ended_though_its_workflow_has_changed(
        self, autojump_clock: MockClock
    ) -> None:
        store = MemoryStore()
        async with open_engine(workflows=[self.FLOW], store=store, plugins=[]) as engine:
            await engine.submit(self.FLOW, run_id="r").wait()
        await trio.sleep(61)
        other: Flow = Workflow("w").then(sleeps(1))
        async with open_engine(workflows=[other], store=store, plugins=[], recover=True) as engine:
            assert (await engine.list_runs())[0].status == "failed"


async def test_a_run_whose_process_died_fails_at_its_deadline(autojump_clock: MockClock) -> None:
    flow: Flow = Workflow("w", timeout=60).then(sleeps(50)).then(sleeps(50, "more"))
    store = MemoryStore()
    async with open_engine(workflows=[flow], store=store, plugins=[]) as engine:
        run = engine.submit(flow, run_id="r")
        await run.wait()
        recorded = await all_events(engine, "r")
    count = next(e.seq for e in recorded if isinstance(e, events.StepFinish)) + 1
    dead = await cut(store, "r", count)
    began = trio.current_time()
    async with open_engine(workflows=[flow], store=dead, plugins=[], recover=True) as engine:
        result = await (await engine.load_run("r")).wait()

    assert isinstance(result.error, RunTimeoutError)
    assert trio.current_time() == began  # it was overdue


class TestANestedWorkflow:
    async def test_fails_its_call(self, autojump_clock: MockClock) -> None:
        inner: Flow = Workflow("inner", timeout=5).then(sleeps(60))
        flow = Workflow("w").parallel(inner, sleeps(8, "other"), on_error="finish")
        run = flow.create_run()
        result = await run.start()

        assert trio.current_time() == 8
        assert isinstance(result.error, RunTimeoutError)
        assert result.error.workflow == "inner"
        assert isinstance(result.steps["inner"].error, RunTimeoutError)
        assert result.steps["other"].status == "success"
        check(run, flow)

    async def test_has_its_time_for_all_attempts(self, autojump_clock: MockClock) -> None:
        @step
        async def fails(value: Any) -> None:
            await trio.sleep(2)
            raise OSError("again")

        inner: Flow = Workflow("inner", timeout=5).then(fails)
        flow = Workflow("w", retry=Retry(attempts=9, delay=1)).then(inner)
        run = flow.create_run()
        result = await run.start()

        assert trio.current_time() == 5
        assert isinstance(result.error, RunTimeoutError)
        assert result.steps["inner"].attempts == 2
        check(run, flow)

    async def test_begins_no_attempt_behind_it(self, autojump_clock: MockClock) -> None:
        @step
        async def fails(value: Any) -> None:
            raise OSError("again")

        inner: Flow = Workflow("inner", timeout=5).then(fails)
        result = (
            await Workflow("w", retry=Retry(attempts=9, delay=3)).then(inner).create_run().start()
        )

        assert isinstance(result.error, OSError)
        assert trio.current_time() == 3

    async def test_has_time_of_its_own_each_time_it_is_called(
        self, autojump_clock: MockClock
    ) -> None:
        inner: Flow = Workflow("inner", timeout=5).then(sleeps(4))
        flow = Workflow("w").map(lambda data: [1, 2, 3]).foreach(inner)

        assert (await flow.create_run().start()).status == "success"
        assert trio.current_time() == 12

    @pytest.mark.parametrize("build", ["then", "foreach", "parallel"])
    async def test_fails_while_it_is_suspended(self, build: str, autojump_clock: MockClock) -> None:
        inner: Flow = Workflow("inner", timeout=60).then(ask)
        outer: Flow = Workflow("w").map(lambda data: [1], id="list")
        flow: Flow = getattr(outer, build)(inner)
        store = MemoryStore()
        async with open_engine(workflows=[flow], store=store, plugins=[]) as engine:
            await engine.submit(flow, run_id="r").wait()
        await trio.sleep(61)
        async with open_engine(workflows=[flow], store=store, plugins=[], recover=True) as engine:
            result = await (await engine.load_run("r")).wait()
            recorded = await all_events(engine, "r")

        assert isinstance(result.error, RunTimeoutError)
        check_events(recorded, flow)

    async def test_what_it_asked_is_asked_no_more(self, autojump_clock: MockClock) -> None:
        inner: Flow = Workflow("inner", timeout=60).then(ask)
        again: Flow = Workflow("again").then(ask)
        flow = Workflow("w").parallel(inner, again, on_error="finish")
        async with open_engine(plugins=[]) as engine:
            run = engine.submit(flow)
            await run.wait()
            await trio.sleep(61)
            result = await run.wait()

        assert result.status == "failed"
