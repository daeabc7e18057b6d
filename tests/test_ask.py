"""``ctx.ask`` suspends the run, and returns the recorded answer when the body runs again."""

from __future__ import annotations

import operator
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any, Literal

import attrs
import pytest
import trio
from trio.testing import MockClock

from tests.suspending import all_events, check, cut, deaths
from trioflow import (
    Engine,
    Retry,
    Run,
    RunResult,
    StepContext,
    Workflow,
    events,
    open_engine,
    reduce,
    step,
    tool,
)
from trioflow._engine.history.suspensions import suspensions
from trioflow.errors import (
    AmbiguousResumeError,
    AskLabelError,
    AskMismatchError,
    AskTimeoutError,
    InvalidValueError,
    NotResumableError,
    NotSerializableError,
    NotSuspendedError,
)
from trioflow.stores import MemoryStore
from trioflow.testing import check_events

Flow = Workflow[Any, Any]
ran: list[Any] = []


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    ran.clear()


@attrs.frozen
class Approval:
    by: str
    limit: int = 10


@step
async def pay(amount: int, ctx: StepContext) -> str:
    ran.append("start")
    first = await ctx.ask({"pay": amount}, bool)
    ran.append("asked once")
    second = await ctx.ask({"really": amount}, Literal["yes", "no"])
    return f"{first} {second}"


PAYMENT = Workflow("payment", input=int, output=str).then(pay)


def nested(flow: Flow) -> Flow:
    return Workflow("outer").then(flow)


def arm(flow: Flow) -> Flow:
    return Workflow("outer").parallel(flow).map(lambda data: data["payment"])


def item(flow: Flow) -> Flow:
    return Workflow("outer").map(lambda data: [data]).foreach(flow).map(lambda data: data[0])


def item_step(flow: Flow) -> Flow:
    return Workflow("outer").map(lambda data: [data]).foreach(pay).map(lambda data: data[0])


def iteration(flow: Flow) -> Flow:
    return Workflow("outer").dountil(flow, lambda data: True)


PLACES: list[Callable[[Flow], Flow]] = [lambda flow: flow, nested, arm, item, item_step, iteration]
IDS = ["then", "nested", "arm", "item workflow", "item", "iteration"]


@asynccontextmanager
async def reopened(
    store: MemoryStore, run_id: str, *flows: Flow, **options: Any
) -> AsyncGenerator[tuple[Engine, Run[Any, Any]], None]:
    """Open another engine on a store, as another process would."""
    async with open_engine(workflows=flows, store=store, plugins=[], **options) as engine:
        yield engine, await engine.load_run(run_id)


# ---------------------------------------------------------------- questions and answers
@pytest.mark.parametrize("place", PLACES, ids=IDS)
class TestWherever:
    async def test_code_above_a_question_runs_once_more_per_answer(
        self, place: Callable[[Flow], Flow]
    ) -> None:
        flow = place(PAYMENT)
        run = flow.create_run()

        assert (await run.start(5)).status == "suspended"
        assert (await run.resume(True)).status == "suspended"
        result = await run.resume("no")

        assert result.unwrap() == "True no"
        assert ran == ["start"] + ["start", "asked once"] * 2
        check(run, flow)

    async def test_each_answer_may_be_given_in_another_process(
        self, place: Callable[[Flow], Flow]
    ) -> None:
        flow, store = place(PAYMENT), MemoryStore()
        async with open_engine(workflows=[flow], store=store, plugins=[]) as engine:
            await engine.submit(flow, 5, run_id="r").wait()
        for answer in (False, "yes"):
            async with reopened(store, "r", flow) as (engine, run):
                result = await run.resume(answer)
                recorded = await all_events(engine, "r")

        assert result.unwrap() == "False yes"
        check_events(recorded, flow)

    @pytest.mark.slow
    async def test_answers_survive_a_crash_anywhere(self, place: Callable[[Flow], Flow]) -> None:
        flow, store = place(PAYMENT), MemoryStore()
        async with open_engine(workflows=[flow], store=store, plugins=[]) as engine:
            run = engine.submit(flow, 5, run_id="r")
            await run.wait()
            await run.resume(True)
            await run.resume("no")
            recorded = await all_events(engine, "r")

        for count in deaths(recorded):
            if not isinstance(recorded[count - 1], events.Resume):  # written with its answer
                other = await cut(store, "r", count)
                assert (await finish(other, flow)).unwrap() == "True no"


async def finish(store: MemoryStore, flow: Flow) -> RunResult[Any]:
    """Recover a run in another process and give it all answers that it still waits for."""
    async with open_engine(workflows=[flow], store=store, plugins=[], recover=True) as engine:
        run = await engine.load_run("r")
        result = await run.wait()
        while result.status == "suspended":
            (waiting,) = suspensions(run.record)
            result = await run.resume(True if "pay" in waiting.payload else "no")
        check_events(await all_events(engine, "r"), flow)
        return result


async def test_the_event_says_what_is_asked() -> None:
    @step
    async def ask(amount: int, ctx: StepContext) -> Any:
        return await ctx.ask({"pay": amount}, Approval, label="boss", timeout=60)

    run = Workflow("w", input=int).then(ask).create_run()
    result = await run.start(50)

    (suspended,) = (e for e in run._life.core.log.history() if isinstance(e, events.StepSuspended))
    assert suspended.payload == {"pay": 50}
    assert suspended.label == "boss"
    assert suspended.asks is not None
    question = suspended.asks["boss"]
    assert question["type"] == "Approval"
    assert question["schema"]["required"] == ["by"]
    assert question["until"] == pytest.approx(suspended.at + 60, abs=1)
    assert result.suspended == (("ask",),)
    assert result.resume_labels == {"boss": ("ask",)}
    assert result.suspend_payload == {"ask": {"pay": 50}}
    assert (await run.resume({"by": "Ada"})).output == Approval("Ada")


async def test_none_is_an_answer() -> None:
    @step
    async def ask(value: Any, ctx: StepContext) -> str:
        return f"{await ctx.ask('which one?', str | None)}"

    run = Workflow("w").then(ask).create_run()
    await run.start()

    assert (await run.resume(None)).output == "None"


async def test_suspend_and_ask_in_one_body() -> None:
    @step(resume=int)
    async def mixed(value: Any, ctx: StepContext) -> Any:
        if ctx.resume_data is None:
            ctx.suspend("how many?")
        return ctx.resume_data, await ctx.ask("sure?", bool)

    run = Workflow("w").then(mixed).create_run()
    await run.start()
    assert (await run.resume(3)).suspend_payload == {"mixed": "sure?"}

    assert (await run.resume(True)).output == (3, True)


async def test_a_tool_asks_for_its_step() -> None:
    @tool
    async def charge(amount: int, ctx: StepContext) -> str:
        return "charged" if await ctx.ask({"charge": amount}, bool) else "kept"

    @step
    async def buy(amount: int, ctx: StepContext) -> list[str]:
        return [await ctx.call_tool(charge, amount=each) for each in (amount, 2 * amount)]

    flow = Workflow("w").then(buy)
    run = flow.create_run()
    await run.start(1)
    await run.resume(True)

    assert (await run.resume(False)).output == ["charged", "kept"]
    check(run, flow)


async def test_a_blocking_step_asks_from_its_thread() -> None:
    cleaned: list[str] = []

    @step
    def ask(value: Any, ctx: StepContext) -> bool:
        try:
            return trio.from_thread.run(ctx.ask, "sure?", bool)
        finally:
            cleaned.append("up")

    run = Workflow("w").then(ask).create_run()
    assert (await run.start()).status == "suspended"
    assert cleaned == ["up"]

    assert (await run.resume(True)).output is True


# ---------------------------------------------------------------- what does not fit
@pytest.mark.parametrize("answer", ["yes", 1, None, {"by": "Ada"}])
async def test_an_answer_that_does_not_fit_changes_nothing(answer: Any) -> None:
    run = PAYMENT.create_run()
    await run.start(5)
    before = run.record.next_seq

    with pytest.raises(InvalidValueError, match="answer of step 'pay' is invalid"):
        await run.resume(answer)

    assert (run.record.next_seq, run.status) == (before, "suspended")


@pytest.mark.parametrize(
    "answer", [{}, {"by": 3}, {"by": "Ada", "more": 1}, {"by": "Ada", "limit": "x"}, [], "Ada"]
)
async def test_nor_in_a_process_that_has_only_the_schema(answer: Any) -> None:
    store = MemoryStore()
    async with open_engine(workflows=[APPROVED], store=store, plugins=[]) as engine:
        await engine.submit(APPROVED, run_id="r").wait()
    async with reopened(store, "r", APPROVED) as (engine, run):
        with pytest.raises(InvalidValueError, match="answer of step 'approve' is invalid"):
            await run.resume(answer)
        with pytest.raises(InvalidValueError):
            await engine.resume_run("r", answer)
        assert (await run.resume(Approval("Ada"))).output == Approval("Ada")


async def test_nor_in_a_process_without_the_workflow() -> None:
    store = MemoryStore()
    async with open_engine(workflows=[APPROVED], store=store, plugins=[]) as engine:
        await engine.submit(APPROVED, run_id="r").wait()
    async with open_engine(store=store, plugins=[]) as engine:
        with pytest.raises(InvalidValueError, match="by: required key is missing"):
            await engine.resume_run("r", {})
        await engine.resume_run("r", {"by": "Ada"}, label="boss")

    assert (await finish(store, APPROVED)).output == Approval("Ada")


@step
async def approve(value: Any, ctx: StepContext) -> Approval:
    return await ctx.ask("who?", Approval, "boss")


APPROVED = Workflow("approved").then(approve)


async def test_what_only_the_class_refuses_is_asked_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = MemoryStore()
    flow = Workflow("w").then(small)
    async with open_engine(workflows=[flow], store=store, plugins=[]) as engine:
        await engine.submit(flow, run_id="r").wait()
    async with reopened(store, "r", flow) as (_, run):
        assert (await run.resume({"number": 5})).status == "suspended"
        assert "asks again: answer of step 'small' is invalid" in caplog.text
        with pytest.raises(InvalidValueError):  # the type is known here by now
            await run.resume({"number": 6})
        assert (await run.resume({"number": 1})).output == 1


@attrs.frozen
class Small:
    number: int = attrs.field(validator=attrs.validators.lt(3))


@step
async def small(value: Any, ctx: StepContext) -> int:
    return (await ctx.ask("how many?", Small)).number


class TestAnotherQuestion:
    """A body must ask the same each time it runs."""

    @staticmethod
    def asking(payload: Any, type_: Any, *, then: Any = None) -> Flow:
        @step
        async def ask(value: Any, ctx: StepContext) -> Any:
            answer = await ctx.ask(payload, type_)
            if then is not None:
                await ctx.ask(then, type_)
            return answer

        return Workflow("w").then(ask)

    async def _resumed(self, asked: Flow, resumed: Flow) -> RunResult[Any]:
        store = MemoryStore()
        async with open_engine(workflows=[asked], store=store, plugins=[]) as engine:
            await engine.submit("w", run_id="r").wait()
        async with reopened(store, "r", resumed) as (_, run):
            return await run.resume(True)

    async def test_of_another_type(self) -> None:
        result = await self._resumed(self.asking("a?", bool), self.asking("a?", bool | None))

        assert isinstance(result.error, AskMismatchError)
        assert "it asked for bool, and asks for bool | None now" in str(result.error)

    async def test_with_another_payload(self) -> None:
        result = await self._resumed(self.asking("a?", bool), self.asking("b?", bool))

        assert isinstance(result.error, AskMismatchError)

    async def test_one_more_is_no_other(self) -> None:
        result = await self._resumed(self.asking("a?", bool), self.asking("a?", bool, then="b?"))

        assert result.suspend_payload == {"ask": "b?"}


async def test_a_payload_that_cannot_be_written_fails_the_step() -> None:
    @step
    async def ask(value: Any, ctx: StepContext) -> Any:
        return await ctx.ask(lambda: None, bool)

    flow = Workflow("w").then(ask)
    async with open_engine(workflows=[flow], store=MemoryStore(), plugins=[]) as engine:
        result = await engine.submit("w", run_id="r").wait()

    assert isinstance(result.error, NotSerializableError)


async def test_an_answer_that_cannot_be_written_is_refused() -> None:
    @step
    async def ask(value: Any, ctx: StepContext) -> Any:
        return await ctx.ask("?", Any)

    flow = Workflow("w").then(ask)
    async with open_engine(workflows=[flow], store=MemoryStore(), plugins=[]) as engine:
        run = engine.submit("w", run_id="r")
        await run.wait()
        with pytest.raises(NotSerializableError):
            await run.resume(lambda: None)
        assert (await run.resume([1])).output == [1]


# ---------------------------------------------------------------- attempts, forks
async def test_an_answer_is_kept_for_all_attempts() -> None:
    @step(retry=Retry(attempts=3))
    async def ask(value: Any, ctx: StepContext) -> list[Any]:
        answer = await ctx.ask("sure?", bool)
        ran.append((ctx.attempt, answer))
        if ctx.attempt < 3:
            raise OSError
        return [answer, await ctx.ask("really?", bool)]

    flow = Workflow("w").then(ask)
    run = flow.create_run()
    await run.start()
    assert (await run.resume(True)).suspend_payload == {"ask": "really?"}
    assert ran == [(1, True), (2, True), (3, True)]

    assert (await run.resume(False)).output == [True, False]
    check(run, flow)


async def test_a_question_changes_no_state() -> None:
    @attrs.frozen
    class Notes:
        found: Annotated[list[str], reduce(operator.add)] = attrs.field(factory=list)

    @step
    async def ask(value: Any, ctx: StepContext[Notes]) -> None:
        ctx.set_state(found=["once"])
        await ctx.ask("sure?", bool)

    run = Workflow("w", state=Notes).then(ask).create_run()
    assert (await run.start()).state == Notes()

    assert (await run.resume(True)).state == Notes(["once"])


# ---------------------------------------------------------------- several at once
def several(*labels: str | None) -> Flow:
    @step
    async def ask(value: Any, ctx: StepContext) -> dict[str, bool]:
        answers: dict[str, bool] = {}

        async def one(label: str | None) -> None:
            answers[f"{label}"] = await ctx.ask(f"{label}?", bool, label)

        async with trio.open_nursery() as nursery:
            for label in labels:
                nursery.start_soon(one, label)
        return dict(sorted(answers.items()))

    return Workflow("w").then(ask)


async def test_questions_of_a_nursery_are_asked_together() -> None:
    flow = several("a", "b", "c")
    run = flow.create_run()
    result = await run.start()
    assert result.suspend_payload == {"ask": {label: f"{label}?" for label in "abc"}}
    assert result.resume_labels == dict.fromkeys("abc", ("ask",))

    with pytest.raises(AmbiguousResumeError):
        await run.resume(True)
    with pytest.raises(AmbiguousResumeError):
        await run.resume(True, step="ask")
    with pytest.raises(NotSuspendedError, match="label 'd'"):
        await run.resume(True, label="d")
    await run.resume(False, label="b")
    with pytest.raises(NotSuspendedError):
        await run.resume(False, label="b")
    await run.resume(True, label="c")
    result = await run.resume(True, label="a")

    assert result.output == {"a": True, "b": False, "c": True}
    check(run, flow)


@pytest.mark.parametrize("labels", [(None, None), ("a", None), (None, "a"), ("a", "a"), ("#1",)])
async def test_they_need_labels_of_their_own(labels: tuple[str | None, ...]) -> None:
    result = await several(*labels).create_run().start()

    error = result.error
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, AskLabelError)


async def test_items_that_ask_are_answered_one_by_one_or_all_at_once() -> None:
    @step
    async def ask(number: int, ctx: StepContext) -> str:
        return f"{number} {await ctx.ask(number, bool)}"

    flow = Workflow("w").foreach(ask, concurrency=3)
    run = flow.create_run()
    await run.start([1, 2, 3])
    await run.resume(True, step="ask", index=1)
    result = await run.resume(False, step="ask")

    assert result.output == ["1 False", "2 True", "3 False"]
    check(run, flow)


# ---------------------------------------------------------------- time-outs
@step
async def patient(value: Any, ctx: StepContext) -> str:
    try:
        return f"{await ctx.ask('sure?', bool, timeout=60)}"
    except AskTimeoutError as exc:
        return f"{type(exc).__name__} {await ctx.ask('and now?', bool)}"


PATIENT = Workflow("patient").then(patient)


class TestTimeout:
    async def test_a_run_in_memory_continues_by_itself(self, autojump_clock: MockClock) -> None:
        async with open_engine(plugins=[]) as engine:
            run = engine.submit(PATIENT, run_id="r")
            await run.wait()
            await trio.sleep(61)

            assert (await run.wait()).suspend_payload == {"patient": "and now?"}
            assert (await run.resume(True)).output == "AskTimeoutError True"
        check(run, PATIENT)

    async def test_not_if_it_was_answered_in_time(self, autojump_clock: MockClock) -> None:
        async with open_engine(plugins=[]) as engine:
            run = engine.submit(PATIENT, run_id="r")
            await run.wait()
            await trio.sleep(59)
            assert (await run.resume(False)).output == "False"
            await trio.sleep(60)
            assert run.status == "success"

    async def test_an_engine_that_recovers_continues_a_stored_run(
        self, autojump_clock: MockClock
    ) -> None:
        store = MemoryStore()
        async with open_engine(workflows=[PATIENT], store=store, plugins=[]) as engine:
            await engine.submit(PATIENT, run_id="r").wait()
        await trio.sleep(30)
        options: Any = {"workflows": [PATIENT], "store": store, "plugins": [], "recover": True}
        async with open_engine(**options) as one, open_engine(**options) as other:
            await trio.sleep(40)
            run = await other.load_run("r")
            await run.wait()
            assert run.status == "suspended"
            recorded = await all_events(one, "r")
            assert sum(isinstance(event, events.StepAnswered) for event in recorded) == 1

            assert (await run.resume(True)).output == "AskTimeoutError True"
            check_events(await all_events(one, "r"), PATIENT)

    async def test_an_open_stream_continues_too(self, autojump_clock: MockClock) -> None:
        run = PATIENT.create_run()
        async with run.stream(close_on_suspend=False) as stream:
            seen = [event.type async for event in _until(stream, "step-answered")]

        assert seen[-3:] == ["suspended", "resume", "step-answered"]

    async def test_a_late_answer_is_refused(self, autojump_clock: MockClock) -> None:
        run = PATIENT.create_run()
        await run.start()
        await trio.sleep(61)

        with pytest.raises(NotResumableError, match="has expired"):
            await run.resume(True)

    async def test_another_answer_lets_it_expire(self, autojump_clock: MockClock) -> None:
        flow = Workflow("w").parallel(patient, approve)
        run = flow.create_run()
        await run.start()
        await trio.sleep(61)

        result = await run.resume(Approval("Ada"), label="boss")

        assert result.suspend_payload == {"patient": "and now?"}
        check(run, flow)

    async def test_the_time_does_not_begin_anew(self, autojump_clock: MockClock) -> None:
        @step
        async def both(value: Any, ctx: StepContext) -> str:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(partial(ctx.ask, "a?", bool, "a", timeout=60))
                nursery.start_soon(partial(ctx.ask, "b?", bool, "b"))
            return "done"

        run = Workflow("w").then(both).create_run()
        await run.start()
        await trio.sleep(50)
        await run.resume(True, label="b")
        await trio.sleep(20)

        with pytest.raises(NotResumableError, match="has expired"):
            await run.resume(True, label="a")

    @pytest.mark.parametrize("timeout", [0, -1, float("nan"), "soon", True])
    async def test_only_durations_are_taken(self, timeout: Any) -> None:
        @step
        async def ask(value: Any, ctx: StepContext) -> Any:
            return await ctx.ask("?", bool, timeout=timeout)

        result = await Workflow("w").then(ask).create_run().start()

        assert isinstance(result.error, ValueError)

    async def test_for_ever_is_no_time_out(self) -> None:
        @step
        async def ask(value: Any, ctx: StepContext) -> Any:
            return await ctx.ask("?", bool, timeout=float("inf"))

        run = Workflow("w").then(ask).create_run()
        await run.start()
        assert run.record.due_at() is None


async def _until(stream: Any, type_: str) -> AsyncGenerator[events.Event, None]:
    async for event in stream:
        yield event
        if event.type == type_:
            return
