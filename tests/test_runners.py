"""Runners: what is built in, and what engines do with them.

Bodies run in real threads, so there is no virtual time here.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import Any, Self

import pytest
import trio
import trio.testing

from trioflow import StepContext, Workflow, open_engine, step, tool
from trioflow.abc import Runner
from trioflow.errors import (
    DefinitionError,
    RunnerFailedError,
    StepClosedError,
    UnknownNameError,
)
from trioflow.runners import InlineRunner, ThreadRunner, check_blocking
from trioflow.testing import assert_no_leaks


class TestThreadRunner:
    async def test_it_runs_as_many_bodies_as_it_has_capacity_for(self) -> None:
        entered, leave = threading.Semaphore(0), threading.Event()

        @step
        def wait(_: int) -> bool:
            entered.release()
            return leave.wait(10)

        workflow = Workflow("w", input=list[int]).foreach(wait, concurrency=5)
        async with open_engine(plugins=[], runners={"thread": ThreadRunner(2)}) as engine:
            run = engine.submit(workflow, [0] * 5)
            for _ in range(2):
                await trio.to_thread.run_sync(entered.acquire)
            await trio.testing.wait_all_tasks_blocked()
            third_runs = entered.acquire(blocking=False)
            leave.set()
            result = await run.wait()

        assert not third_runs
        assert result.unwrap() == [True] * 5

    async def test_it_leaves_trio_s_own_threads_to_others(self) -> None:
        limiter = trio.to_thread.current_default_thread_limiter()

        @step
        def borrowed(_: int) -> float:
            return limiter.borrowed_tokens

        assert await Workflow("w", input=int).then(borrowed).run(0) == 0

    async def test_cancellation_waits_for_the_body(self) -> None:
        leave = threading.Event()
        ended = False

        @step
        def slow(_: int, ctx: StepContext[Any]) -> None:
            nonlocal ended
            trio.from_thread.run_sync(canceling.set)
            leave.wait(10)
            ended = True

        canceling = trio.Event()
        run = Workflow("w", input=int).then(slow).create_run()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run.start, 0)
            await canceling.wait()
            run.cancel()
            await trio.testing.wait_all_tasks_blocked()
            leave.set()

        assert ended
        assert run.status == "canceled"

    async def test_abandoning_does_not_wait_for_the_body_and_keeps_its_place_taken(self) -> None:
        leave, left = threading.Event(), threading.Event()

        @step
        def slow(_: int) -> None:
            trio.from_thread.run_sync(begun.set)
            leave.wait(10)
            left.set()

        @step
        def quick(value: int) -> bool:
            return left.is_set()

        begun = trio.Event()
        runner = ThreadRunner(1, abandon_on_cancel=True)
        async with open_engine(plugins=[], runners={"thread": runner}) as engine:
            run = engine.submit(Workflow("w", input=int).then(slow), 0)
            await begun.wait()
            run.cancel()
            canceled = await run.wait()
            was_left = left.is_set()
            following = engine.submit(Workflow("f", input=int).then(quick), 0)
            await trio.testing.wait_all_tasks_blocked()
            waits = following.status
            leave.set()
            result = await following.wait()

        assert (canceled.status, was_left, waits) == ("canceled", False, "running")
        assert result.unwrap() is True

    async def test_an_abandoned_body_is_a_leak(self) -> None:
        leave = threading.Event()

        @step
        def abandoned(_: int) -> None:
            trio.from_thread.run_sync(begun.set)
            leave.wait(10)

        begun = trio.Event()
        runners = {"thread": ThreadRunner(abandon_on_cancel=True)}
        with pytest.raises(AssertionError) as caught, assert_no_leaks():
            async with open_engine(plugins=[], runners=runners) as engine:
                engine.submit(Workflow("w", input=int).then(abandoned), 0)
                await begun.wait()
        leave.set()

        [first, *_] = str(caught.value).splitlines()  # pytest may add what was compared
        assert first == "leaked: thread abandoned of step abandoned"

    async def test_an_abandoned_body_cannot_write_any_more(self) -> None:
        leave, tried = threading.Event(), threading.Event()
        raised: list[BaseException] = []

        @step
        def slow(_: int, ctx: StepContext[Any]) -> None:
            trio.from_thread.run_sync(begun.set)
            leave.wait(10)
            try:
                trio.from_thread.run(ctx.write, "late")
            except BaseException as exc:
                raised.append(exc)
                raise
            finally:
                tried.set()

        begun = trio.Event()
        runner = ThreadRunner(abandon_on_cancel=True)
        async with open_engine(plugins=[], runners={"thread": runner}) as engine:
            run = engine.submit(Workflow("w", input=int).then(slow), 0)
            await begun.wait()
            run.cancel()
            await run.wait()
            last = run.record.next_seq
            leave.set()
            await trio.to_thread.run_sync(tried.wait)

        assert [type(exc) for exc in raised] == [StepClosedError]
        assert run.record.next_seq == last

    @pytest.mark.parametrize("capacity", [0, -1, 2.0, True, None])
    def test_capacity_is_a_number_of_threads(self, capacity: Any) -> None:
        with pytest.raises(ValueError, match="capacity must be a whole number >= 1, not"):
            ThreadRunner(capacity)

    def test_one_runner_serves_several_event_loops(self) -> None:
        runner = ThreadRunner(1)

        async def main() -> Any:
            async with open_engine(plugins=[], runners={"thread": runner}) as engine:
                return await engine.create_run(add).start(1)

        @step
        def add_one(value: int) -> int:
            return value + 1

        add = Workflow("w", input=int).then(add_one)
        assert trio.run(main).unwrap() == trio.run(main).unwrap() == 2

    def test_it_says_what_it_is(self) -> None:
        assert repr(ThreadRunner(2)) == "ThreadRunner(2, abandon_on_cancel=False)"

    def test_it_takes_plain_functions_only(self) -> None:
        ThreadRunner().check(print, "step 'p'")
        with pytest.raises(DefinitionError) as caught:
            ThreadRunner().check(trio.sleep, "step 'p'")

        assert str(caught.value) == (
            "step 'p': an async def cannot run in a thread; make it a plain def"
        )

    def test_what_it_checks_can_be_checked_by_others(self) -> None:
        with pytest.raises(DefinitionError, match="an async def cannot run on the moon"):
            check_blocking(trio.sleep, "step 'p'", "on the moon")


# ---------------------------------------------------------------- engines and their runners
class Opened(Runner):
    """Notes when it is opened, used and closed."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    async def __aenter__(self) -> Self:
        await trio.lowlevel.checkpoint()
        self.notes.append("open")
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.notes.append("close")

    async def run(self, ctx: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        self.notes.append(ctx.step_id)
        try:
            return await fn(*args, **kwargs)
        finally:
            self.notes.append("over")


class OwnNursery(Opened):
    """Has tasks of its own, so it must be left by the task that has entered it."""

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._manager = trio.open_nursery()
        self._nursery = await self._manager.__aenter__()
        self._nursery.start_soon(trio.sleep_forever)
        return self

    async def __aexit__(self, *exc_info: Any) -> None:
        self._nursery.cancel_scope.cancel()
        await self._manager.__aexit__(*exc_info)
        await super().__aexit__()


@step(runner="mine")
async def body(value: int) -> int:
    await trio.lowlevel.checkpoint()
    return value + 1


WORKFLOW = Workflow("w", input=int).then(body)


class TestEngines:
    @pytest.mark.parametrize("make_runner", [Opened, OwnNursery])
    async def test_a_runner_is_opened_once_before_the_first_body_and_closed_after_the_last_run(
        self, make_runner: Callable[[], Opened]
    ) -> None:
        runner = make_runner()
        with assert_no_leaks():
            async with open_engine(
                plugins=[], runners={"mine": runner}, workflows=[WORKFLOW]
            ) as engine:
                assert runner.notes == ["open"]
                results = [await engine.create_run("w").start(1) for _ in range(2)]
                assert runner.notes == ["open", "body", "over", "body", "over"]

        assert [result.unwrap() for result in results] == [2, 2]
        assert runner.notes[5:] == ["close"]

    @pytest.mark.parametrize("make_runner", [Opened, OwnNursery])
    async def test_a_runner_that_is_named_later_is_opened_when_it_is_first_used(
        self, make_runner: Callable[[], Opened]
    ) -> None:
        runner = make_runner()
        async with open_engine(plugins=[], runners={"mine": runner}) as engine:
            assert runner.notes == []
            runs = [engine.submit(WORKFLOW, number) for number in range(3)]
            assert [(await run.wait()).unwrap() for run in runs] == [1, 2, 3]

        assert runner.notes.count("open") == 1
        assert (runner.notes[0], runner.notes[-1]) == ("open", "close")

    async def test_a_run_that_is_canceled_while_its_runner_opens_leaves_it_to_others(self) -> None:
        class Slow(Opened):
            async def __aenter__(self) -> Self:
                self.notes.append("opening")
                if len(self.notes) == 1:
                    await trio.sleep_forever()
                return await super().__aenter__()

        runner = Slow()
        async with open_engine(plugins=[], runners={"mine": runner}) as engine:
            first = engine.submit(WORKFLOW, 0)
            await trio.testing.wait_all_tasks_blocked()
            second = engine.submit(WORKFLOW, 1)
            first.cancel()
            results = [await first.wait(), await second.wait()]

        assert [result.status for result in results] == ["canceled", "success"]
        assert runner.notes == ["opening", "opening", "open", "body", "over", "close"]

    async def test_runs_end_before_their_runner_is_closed_also_if_all_is_canceled(self) -> None:
        @step(runner="mine")
        async def cleans_up(value: int) -> None:
            begun.set()
            try:
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    await trio.testing.wait_all_tasks_blocked()
                    runner.notes.append("cleaned up")

        runner, begun = Opened(), trio.Event()
        with trio.CancelScope() as scope:
            async with open_engine(plugins=[], runners={"mine": runner}) as engine:
                engine.submit(Workflow("w", input=int).then(cleans_up), 0)
                await begun.wait()
                scope.cancel()

        assert runner.notes == ["open", "cleans_up", "cleaned up", "over", "close"]

    async def test_one_runner_under_two_names_is_opened_once(self) -> None:
        runner = Opened()
        other = step(id="other", runner="second")(body.fn)
        async with open_engine(plugins=[], runners={"mine": runner, "second": runner}) as engine:
            result = await engine.create_run(WORKFLOW.then(other)).start(1)

        assert result.unwrap() == 3
        assert runner.notes == ["open", "body", "over", "other", "over", "close"]

    async def test_a_runner_that_cannot_be_opened_is_reported_by_the_engine(self) -> None:
        class Broken(Opened):
            async def __aenter__(self) -> Self:
                raise OSError("no more of them")

        with pytest.raises(OSError, match="no more of them"):
            async with open_engine(plugins=[], runners={"mine": Broken()}, workflows=[WORKFLOW]):
                raise AssertionError("the engine was opened")

    async def test_a_runner_that_cannot_be_opened_later_fails_the_step(self) -> None:
        class Broken(Opened):
            async def __aenter__(self) -> Self:
                raise OSError("no more of them")

        async with open_engine(plugins=[], runners={"mine": Broken()}) as engine:
            result = await engine.create_run(WORKFLOW).start(1)

        assert isinstance(result.error, OSError)

    async def test_a_run_cannot_use_a_runner_when_its_engine_is_closed(self) -> None:
        runner = Opened()
        async with open_engine(plugins=[], runners={"mine": runner}) as engine:
            run = engine.create_run(WORKFLOW)
        result = await run.start(1)

        assert isinstance(result.error, trio.ClosedResourceError)
        assert str(result.error) == "a runner works only while its engine is open"
        assert runner.notes == []

    async def test_given_runners_come_before_those_of_plugins(self) -> None:
        inline = InlineRunner()

        @step
        def thread() -> int:
            return threading.get_ident()

        async with open_engine(plugins=[], runners={"thread": inline}) as engine:
            result = await engine.create_run(Workflow("w").then(thread)).start(None)

        assert result.unwrap() == threading.get_ident()

    async def test_what_is_no_runner_is_refused(self) -> None:
        wrong: Any = {"mine": InlineRunner}
        with pytest.raises(
            DefinitionError, match=r"runner 'mine': <class .* is not a Runner; give"
        ):
            async with open_engine(plugins=[], runners=wrong):
                raise AssertionError("a class was taken for a runner")

    async def test_unknown_names_are_compared_with_those_given(self) -> None:
        with pytest.raises(UnknownNameError) as caught:
            async with open_engine(
                plugins=[], runners={"mime": InlineRunner()}, workflows=[WORKFLOW]
            ):
                raise AssertionError("an unknown runner was accepted")

        assert str(caught.value) == "step 'body': unknown runner 'mine'; did you mean 'mime'?"

    async def test_functions_are_checked_while_planning(self) -> None:
        class Picky(InlineRunner):
            def check(self, fn: Any, where: str) -> None:
                raise DefinitionError(where, f"{fn.__name__} is not nice", "be nice")

        async with open_engine(plugins=[], runners={"mine": Picky()}) as engine:
            with pytest.raises(DefinitionError, match="step 'body': body is not nice; be nice"):
                engine.create_run(WORKFLOW)


class Failing(Opened):
    """Has a task that fails when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.fails = trio.Event()

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.fails = trio.Event()
        self._manager = trio.open_nursery()
        self._nursery = await self._manager.__aenter__()
        self._nursery.start_soon(self._fail)
        return self

    async def _fail(self) -> None:
        await self.fails.wait()
        raise OSError("the cluster is gone")

    async def __aexit__(self, *exc_info: Any) -> None:
        if not self.fails.is_set():
            self._nursery.cancel_scope.cancel()
        try:
            await self._manager.__aexit__(*exc_info)
        finally:
            self.notes.append("close")


@step(runner="mine")
async def wait_long(value: int) -> int:
    await trio.sleep_forever()
    raise AssertionError("it went on")


class TestFailures:
    async def test_bodies_end_when_their_runner_fails_and_the_next_one_opens_it_again(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        runner = Failing()
        async with open_engine(plugins=[], runners={"mine": runner}) as engine:
            long = Workflow("long", input=int).then(wait_long)
            runs = [engine.submit(long, number) for number in range(2)]
            await trio.testing.wait_all_tasks_blocked()
            runner.fails.set()
            errors = [(await run.wait()).error for run in runs]
            after = await engine.create_run(WORKFLOW).start(1)

        for error in errors:
            assert isinstance(error, RunnerFailedError)
            assert isinstance(error.__cause__, ExceptionGroup)
            assert "of step 'wait_long' failed; see the cause" in str(error)
        assert after.unwrap() == 2
        assert [record.levelname for record in caplog.records] == ["ERROR"]
        assert "the cluster is gone" in caplog.text
        assert runner.notes.count("open") == 2

    async def test_a_body_that_ends_all_the_same_keeps_its_result(self) -> None:
        @step(runner="mine")
        async def stubborn(value: int) -> int:
            with trio.CancelScope(shield=True):
                runner.fails.set()
                await trio.testing.wait_all_tasks_blocked()
            return value

        runner = Failing()
        async with open_engine(plugins=[], runners={"mine": runner}) as engine:
            result = await engine.create_run(Workflow("w", input=int).then(stubborn)).start(1)

        assert result.unwrap() == 1

    async def test_bodies_that_do_not_end_hold_the_end_of_the_runner_up_only_for_so_long(
        self, autojump_clock: trio.testing.MockClock
    ) -> None:
        @step(runner="mine")
        async def slow(value: int) -> int:
            with trio.CancelScope(shield=True):
                await trio.sleep(60)
            return value

        runner = Failing()
        async with open_engine(plugins=[], runners={"mine": runner}) as engine:
            run = engine.submit(Workflow("w", input=int).then(slow), 1)
            await trio.testing.wait_all_tasks_blocked()
            runner.fails.set()
            await trio.sleep(10)
            assert runner.notes == ["open", "slow", "close"]
            result = await run.wait()

        assert result.unwrap() == 1

    async def test_a_failure_while_all_is_canceled_is_no_end_of_its_own(self) -> None:
        runner = Failing()
        with trio.CancelScope() as scope:
            async with open_engine(plugins=[], runners={"mine": runner}) as engine:
                run = engine.submit(Workflow("long", input=int).then(wait_long), 1)
                await trio.testing.wait_all_tasks_blocked()
                runner.fails.set()
                scope.cancel()

        assert run.status in ("failed", "canceled")


class TestBinding:
    async def test_a_runner_gives_each_definition_a_runner_of_its_own(self) -> None:
        bound: list[Any] = []

        class Options(Opened):
            def bind(self, definition: Any) -> Runner:
                bound.append((definition.id, dict(definition.metadata)))
                return With(self, definition.metadata["cpus"])

        class With(Runner):
            def __init__(self, runner: Opened, cpus: int) -> None:
                self.runner, self.cpus = runner, cpus

            async def run(self, ctx: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
                assert self.runner.notes[0] == "open"
                return [self.cpus, await fn(*args, **kwargs)]

        @tool(runner="mine", metadata={"cpus": 2})
        async def lookup() -> Any:
            return "looked up"

        @step(runner="mine", metadata={"cpus": 1})
        async def first(value: int) -> Any:
            return value

        @step
        async def second(value: Any, ctx: StepContext[Any]) -> Any:
            return [value, await ctx.call_tool(lookup)]

        runner = Options()
        async with open_engine(plugins=[], runners={"mine": runner}) as engine:
            flow = Workflow("w", input=int, output=Any).then(first).then(second)
            result = await engine.create_run(flow).start(5)

        assert result.unwrap() == [[1, 5], [2, "looked up"]]
        assert bound == [("first", {"cpus": 1}), ("lookup", {"cpus": 2})]
        assert runner.notes == ["open", "close"]

    async def test_options_are_refused_while_planning(self) -> None:
        class Picky(InlineRunner):
            def bind(self, definition: Any) -> Runner:
                raise DefinitionError(definition.id, "it has no option 'gpus'", "use num_gpus")

        async with open_engine(plugins=[], runners={"mine": Picky()}) as engine:
            with pytest.raises(DefinitionError, match="body: it has no option 'gpus'"):
                engine.create_run(WORKFLOW)


class TestContexts:
    """Whoever is run, the runner is given the context of the call."""

    class Noting(Runner):
        def __init__(self) -> None:
            self.seen: list[tuple[str, int, bool]] = []

        async def run(self, ctx: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
            is_given = any(value is ctx for value in (*args, *kwargs.values()))
            self.seen.append((ctx.step_id, ctx.attempt, is_given))
            result = fn(*args, **kwargs)
            return await result if inspect.isawaitable(result) else result

    async def test_steps(self) -> None:
        runner = self.Noting()

        @step(runner="mine")
        async def first(ctx: StepContext[Any], value: int) -> int:
            return value + ctx.attempt

        @step(runner="mine")
        def second(value: int, ctx: StepContext[Any]) -> int:
            return value + ctx.attempt

        @step(runner="mine")
        def named(value: int, more: int = 0, ctx: StepContext[Any] | None = None) -> int:
            assert ctx is not None
            return value + more + ctx.attempt

        @step(runner="mine")
        def without(value: int) -> int:
            return value + 1

        @step(runner="mine")
        def nothing() -> int:
            return 5

        workflow = Workflow("w", input=int).then(first).then(second).then(named).then(without)
        async with open_engine(plugins=[], runners={"mine": runner}) as engine:
            result = await engine.create_run(workflow.then(nothing)).start(0)

        assert result.unwrap() == 5
        assert result.steps["without"].output == 4
        assert runner.seen == [
            ("first", 1, True),
            ("second", 1, True),
            ("named", 1, True),
            ("without", 1, False),
            ("nothing", 1, False),
        ]

    async def test_tools(self) -> None:
        runner = self.Noting()

        @tool(runner="mine")
        def with_context(value: int, ctx: StepContext[Any]) -> str:
            return f"{ctx.step_id} {value}"

        @tool(runner="mine")
        async def without(value: int) -> int:
            return value

        @step
        async def calls(value: int, ctx: StepContext[Any]) -> list[Any]:
            return [await ctx.call_tool(with_context, value=1), await ctx.call_tool(without, 2)]

        workflow = Workflow("w", input=int).then(calls)
        async with open_engine(plugins=[], runners={"mine": runner}) as engine:
            result = await engine.create_run(workflow).start(0)

        assert result.unwrap() == ["calls 1", 2]
        assert runner.seen == [("calls", 1, True), ("calls", 1, False)]
