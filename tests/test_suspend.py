"""Steps that wait for an answer: everywhere a step may stand, and in every way of answering."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import trio
from attrs import frozen
from trio.testing import MockClock

from tests.flows import add_one, brief, fails
from tests.suspending import Calls, check
from trioflow import Retry, RunContext, Step, StepContext, Workflow, events, open_engine, step, tool
from trioflow.errors import (
    AmbiguousResumeError,
    InvalidValueError,
    NotResumableError,
    NotSuspendedError,
    RunClaimedError,
    RunSuspendedError,
)
from trioflow.stores import MemoryStore
from trioflow.testing import check_events

Flow = Workflow[Any, Any]


def flow(id: str = "w") -> Flow:
    return Workflow(id, input=Any, output=Any)


def inner(asks: Any) -> Flow:
    return flow("inner").then(asks)


POSITIONS: dict[str, tuple[Callable[[Any], Flow], Any, Any]] = {
    "a step": (lambda asks: flow().then(asks), 0, "asks:yes"),
    "an arm of a branch": (
        lambda asks: flow().branch((lambda _: False, add_one), (lambda _: True, asks)),
        0,
        {"asks": "asks:yes"},
    ),
    "an arm of a parallel": (
        lambda asks: flow().parallel(add_one, asks),
        0,
        {"add_one": 1, "asks": "asks:yes"},
    ),
    "a loop": (lambda asks: flow().dountil(asks, lambda _: True), 0, "asks:yes"),
    "an item": (lambda asks: flow().foreach(asks), [0], ["asks:yes"]),
    "a nested workflow": (lambda asks: flow().then(inner(asks)), 0, "asks:yes"),
    "two nested workflows": (
        lambda asks: flow().then(flow("middle").then(inner(asks))),
        0,
        "asks:yes",
    ),
    "a nested arm": (
        lambda asks: flow().parallel(inner(asks), add_one),
        0,
        {"inner": "asks:yes", "add_one": 1},
    ),
    "a nested arm of a branch": (
        lambda asks: flow().branch((lambda _: True, inner(asks))),
        0,
        {"inner": "asks:yes"},
    ),
    "a nested loop": (lambda asks: flow().dowhile(inner(asks), lambda _: False), 0, "asks:yes"),
    "a nested item": (lambda asks: flow().foreach(inner(asks)), [0], ["asks:yes"]),
    "an item of an item": (
        lambda asks: flow().foreach(flow("inner").foreach(asks)),
        [[0]],
        [["asks:yes"]],
    ),
    "an arm in a loop in an item": (
        lambda asks: flow().foreach(
            flow("middle").dountil(flow("inner").parallel(asks), lambda _: True)
        ),
        [0],
        [{"asks": "asks:yes"}],
    ),
}
everywhere = pytest.mark.parametrize(
    ("build", "value", "result"), POSITIONS.values(), ids=POSITIONS
)


# ---------------------------------------------------------------- positions
@everywhere
async def test_a_step_may_wait_anywhere(
    build: Callable[[Any], Flow], value: Any, result: Any
) -> None:
    calls = Calls()
    workflow = build(calls.asks())
    run = workflow.create_run()

    first = await run.start(value)
    assert first.status == "suspended"
    assert [path[-1] for path in first.suspended] == ["asks"]

    last = await run.resume("yes")
    assert (last.status, last.output) == ("success", result)
    assert calls.made["asks"] == 2
    check(run, workflow)


@everywhere
async def test_another_engine_takes_the_answer(
    build: Callable[[Any], Flow], value: Any, result: Any
) -> None:
    store, calls = MemoryStore(), Calls()
    workflow = build(calls.asks())
    async with open_engine(plugins=[], store=store) as engine:
        first = await engine.create_run(workflow, run_id="r").start(value)
    async with open_engine(plugins=[], store=store, workflows=[workflow]) as engine:
        run = await engine.load_run("r")
        again = await run.wait()
        assert (again.status, again.suspended) == ("suspended", first.suspended)
        last = await run.resume("yes")
        assert (last.status, last.output) == ("success", result)
        check(run, workflow)
    assert calls.made["asks"] == 2


@everywhere
async def test_its_path_names_it(build: Callable[[Any], Flow], value: Any, result: Any) -> None:
    asks = Calls().asks()
    for spell in (".".join, list, tuple):
        run = build(asks).create_run()
        (path,) = (await run.start(value)).suspended
        assert (await run.resume("yes", step=spell(path))).output == result


async def test_a_tool_may_wait() -> None:
    @tool
    async def confirm(question: str, ctx: StepContext[Any]) -> str:
        if ctx.resume_data is None:
            ctx.suspend(question)
        return str(ctx.resume_data)

    @step
    async def asks(value: Any, ctx: StepContext[Any]) -> str:
        return await ctx.call_tool(confirm, question="sure?")

    run = flow().then(asks).create_run()
    first = await run.start(0)
    assert first.suspend_payload == {"asks": "sure?"}
    assert (await run.resume("yes", step="asks")).output == "yes"


async def test_a_tool_that_is_a_node_may_wait() -> None:
    @tool
    async def confirm(value: Any, ctx: StepContext[Any]) -> str:
        if ctx.resume_data is None:
            ctx.suspend("sure?")
        return str(ctx.resume_data)

    run = flow().then(confirm).create_run()
    assert (await run.start({"value": 0})).status == "suspended"
    assert (await run.resume("yes", step=confirm)).output == "yes"


# ---------------------------------------------------------------- several at once
async def test_arms_are_answered_one_by_one() -> None:
    calls = Calls()
    workflow = flow().parallel(calls.asks("a"), calls.does("b"), calls.asks("c"))
    run = workflow.create_run()
    assert set((await run.start(0)).suspended) == {("a",), ("c",)}

    second = await run.resume(1, step="c")
    assert (second.status, second.suspended) == ("suspended", (("a",),))
    assert calls.made == {"a": 1, "b": 1, "c": 2}

    last = await run.resume(2, step="a")
    assert last.output == {"a": "a:2", "b": 0, "c": "c:1"}
    assert calls.made == {"a": 2, "b": 1, "c": 2}
    check(run, workflow)


async def test_items_are_answered_by_index() -> None:
    calls = Calls()
    workflow = flow().foreach(calls.asks(), concurrency=3)
    run = workflow.create_run()
    assert (await run.start([10, 20, 30])).suspended == (("asks",),)
    for index in (2, 0, 1):
        result = await run.resume(index, step="asks", index=index)
    assert result.output == ["asks:0", "asks:1", "asks:2"]
    assert calls.made["asks"] == 6
    check(run, workflow)


@pytest.mark.parametrize("concurrency", [1, 2, 3])
async def test_all_items_are_answered_at_once(concurrency: int) -> None:
    calls = Calls()
    workflow = flow().foreach(calls.asks(), concurrency=concurrency)
    run = workflow.create_run()
    result = await run.start([0, 1, 2])
    while result.status == "suspended":
        result = await run.resume("yes", step="asks")
    assert result.output == ["asks:yes"] * 3
    assert calls.made["asks"] == 6
    check(run, workflow)


async def test_an_answer_is_not_lost_because_another_item_asks_again() -> None:
    made: list[Any] = []

    @step
    async def asks(item: int, ctx: StepContext[Any]) -> Any:
        made.append(item)
        if ctx.resume_data is None or (item == 0 and ctx.resume_data == "all"):
            ctx.suspend(item)
        return ctx.resume_data

    run = flow().foreach(flow("inner").then(asks), concurrency=2).create_run()
    await run.start([0, 1])
    second = await run.resume("all", step="inner")
    assert len(second.suspended) == 1
    last = await run.resume("again", step="inner", index=0)
    assert last.output == ["again", "all"]
    assert made == [0, 1, 0, 1, 0]


async def test_every_iteration_may_wait() -> None:
    asked: list[Any] = []

    @step
    async def asks(value: int, ctx: StepContext[Any]) -> int:
        asked.append((value, ctx.resume_data))
        if ctx.resume_data is None:
            ctx.suspend(value)
        return value + int(ctx.resume_data)

    conditions: list[int] = []

    def enough(value: int) -> bool:
        conditions.append(value)
        return value >= 3

    workflow = flow().dountil(asks, enough)
    run = workflow.create_run()
    result = await run.start(0)
    while result.status == "suspended":
        result = await run.resume(1, step=asks)
    assert result.output == 3
    assert asked == [(0, None), (0, 1), (1, None), (1, 1), (2, None), (2, 1)]
    assert conditions == [1, 2, 3]
    check(run, workflow)


async def test_a_step_may_ask_several_times() -> None:
    @step
    async def asks(value: Any, ctx: StepContext[Any]) -> list[Any]:
        known = [*(ctx.suspend_data or []), *([] if ctx.resume_data is None else [ctx.resume_data])]
        if len(known) < 3:
            ctx.suspend(known)
        return known

    workflow = flow().then(asks)
    run = workflow.create_run()
    await run.start(0)
    for number in range(3):
        result = await run.resume(number, step=asks)
    assert result.output == [0, 1, 2]
    check(run, workflow)


# ---------------------------------------------------------------- naming
async def test_a_label_names_it() -> None:
    calls = Calls()
    workflow = flow().parallel(calls.asks("a", label="boss"), calls.asks("b", label="peer"))
    run = workflow.create_run()
    await run.start(0)
    assert (await run.resume(1, label="peer")).suspended == (("a",),)
    assert (await run.resume(2, label="boss")).output == {"a": "a:2", "b": "b:1"}


async def test_nothing_is_ambiguous_if_several_wait() -> None:
    calls = Calls()
    run = flow().parallel(calls.asks("a"), inner(calls.asks("b", label="l"))).create_run()
    await run.start(0)
    with pytest.raises(AmbiguousResumeError, match="is ambiguous") as caught:
        await run.resume(1)
    assert set(caught.value.candidates) == {"a", "inner.b (label 'l')"}
    assert run.status == "suspended"
    assert calls.made == {"a": 1, "b": 1}


@pytest.mark.parametrize(
    "naming",
    [
        {"step": "nobody"},
        {"step": ["inner", "nobody"]},
        {"label": "no"},
        {"step": "inner.asks", "index": 7},
        {"step": "asks"},
    ],
)
async def test_a_wrong_name_lists_what_waits(naming: dict[str, Any]) -> None:
    run = flow().foreach(inner(Calls().asks(label="l"))).create_run()
    await run.start([0])
    with pytest.raises(NotSuspendedError, match=r"inner\.asks\[0\] \(label 'l'\)"):
        await run.resume(1, **naming)
    assert (await run.resume(1)).status == "success"


# ---------------------------------------------------------------- refusals
async def test_only_a_run_that_waits_is_resumed(autojump_clock: MockClock) -> None:
    workflow = flow().then(Calls().asks())
    pending = workflow.create_run()
    with pytest.raises(NotResumableError, match="has not started"):
        await pending.resume(1)

    finished = flow().then(add_one).create_run()
    await finished.start(0)
    with pytest.raises(NotResumableError, match="has succeeded"):
        await finished.resume(1)

    canceled = workflow.create_run()
    await canceled.start(0)
    canceled.cancel("enough")
    assert (await canceled.wait()).status == "canceled"
    with pytest.raises(NotResumableError, match="was canceled"):
        await canceled.resume(1)
    check(canceled, workflow)


async def test_a_running_run_is_not_resumed() -> None:
    run = flow().sleep(60).create_run()
    async with run.stream(0) as stream:
        await stream.receive()
        with pytest.raises(NotResumableError, match="is running"):
            await run.resume(1)


async def test_a_failing_arm_wins() -> None:
    calls = Calls()
    workflow = flow().parallel(calls.asks(), fails(ValueError("no")))
    run = workflow.create_run()
    result = await run.start(0)
    assert (result.status, result.suspended) == ("failed", ())
    with pytest.raises(NotResumableError):
        await run.resume(1, step="asks")
    check(run, workflow)


async def test_a_failing_item_wins() -> None:
    @step
    async def body(item: int, ctx: StepContext[Any]) -> None:
        if item:
            raise ValueError("no")
        ctx.suspend(item)

    workflow = flow().foreach(body, concurrency=2)
    run = workflow.create_run()
    assert (await run.start([0, 1])).status == "failed"
    check(run, workflow)


async def test_unwrap_says_what_waits() -> None:
    result = await flow().then(inner(Calls().asks())).create_run().start(0)
    with pytest.raises(RunSuspendedError, match=r"inner\.asks"):
        result.unwrap()


# ---------------------------------------------------------------- what survives
@step
async def remembers(value: Any, ctx: StepContext[Any]) -> str:
    ctx.runtime_context["seen"] = "before"
    ctx.set_state({"count": 1})
    return "output"


@step
async def asks_all(value: Any, ctx: StepContext[Any]) -> Any:
    if ctx.resume_data is None:
        ctx.set_state({"asked": True})
        ctx.runtime_context["asked"] = True
        ctx.suspend({"question": value}, label="l")
    return {
        "context": dict(ctx.runtime_context),
        "state": dict(ctx.state),
        "result": ctx.step_result(remembers),
        "asked": ctx.suspend_data,
        "answer": ctx.resume_data,
        "init": ctx.init_data,
    }


async def test_context_state_results_and_the_question_survive() -> None:
    store, workflow = MemoryStore(), flow().then(remembers).then(asks_all)
    async with open_engine(plugins=[], store=store) as engine:
        run = engine.create_run(workflow, run_id="r")
        await run.start("in", runtime_context={"tenant": "a"}, initial_state={"count": 0})
    async with open_engine(plugins=[], store=store, workflows=[workflow]) as engine:
        run = await engine.load_run("r")
        result = await run.resume(7, step="asks_all", runtime_context={"seen": "given"})
    assert result.output == {
        "context": {"tenant": "a", "seen": "given", "asked": True},
        "state": {"count": 1, "asked": True},
        "result": "output",
        "asked": {"question": "output"},
        "answer": 7,
        "init": "in",
    }


async def test_nothing_is_decided_again() -> None:
    decided: list[str] = []

    def condition(value: Any, ctx: RunContext[Any]) -> bool:
        decided.append("condition")
        return True

    def mapping(value: Any) -> Any:
        decided.append("mapping")
        return value

    calls = Calls()
    workflow = (
        flow()
        .map(mapping)
        .branch((condition, calls.asks("a")), (condition, calls.asks("b")))
        .map(mapping)
        .branch((lambda _: False, add_one))
        .then(calls.asks("c"))
    )
    run = workflow.create_run()
    await run.start(0)
    before = list(decided)
    await run.resume(1, step="a")
    assert decided == before == ["mapping", "condition", "condition"]
    await run.resume(1, step="b")
    assert decided == [*before, "mapping"]
    assert (await run.resume(1, step="c")).status == "success"
    assert decided == [*before, "mapping"]
    check(run, workflow)


# ---------------------------------------------------------------- types
@frozen
class Question:
    text: str


@frozen
class Answer:
    yes: bool


def typed_step() -> Step[Any, Any]:
    @step(id="typed", suspend=Question, resume=Answer)
    async def body(value: Any, ctx: StepContext[Any]) -> bool:
        if ctx.resume_data is None:
            ctx.suspend(Question("sure?") if value else {"txt": 1})
        assert isinstance(ctx.resume_data, Answer)
        return ctx.resume_data.yes

    return body


@pytest.mark.parametrize("answer", [Answer(True), {"yes": True}])
async def test_an_answer_is_structured(answer: Any) -> None:
    run = flow().then(typed_step()).create_run()
    first = await run.start(1)
    assert first.steps["typed"].suspend_payload == Question("sure?")
    assert (await run.resume(answer, step="typed")).output is True


async def test_an_answer_that_does_not_fit_is_refused() -> None:
    run = flow().then(typed_step()).create_run()
    await run.start(1)
    with pytest.raises(InvalidValueError, match="resume data of step 'typed'"):
        await run.resume({"yes": "perhaps"}, step="typed")
    assert run.status == "suspended"
    assert (await run.resume(Answer(False), step="typed")).output is False


async def test_a_question_that_does_not_fit_fails_the_step() -> None:
    result = await flow().then(typed_step()).create_run().start(0)
    assert result.status == "failed"
    assert isinstance(result.error, InvalidValueError)


# ---------------------------------------------------------------- streams
async def test_a_suspension_ends_the_stream_and_the_next_part_goes_on() -> None:
    workflow = flow().then(Calls().asks())
    run = workflow.create_run()
    async with run.stream(0) as stream:
        first = [event async for event in stream]
    assert brief(first)[-3:] == ["step-suspended asks", "suspended", "finish"]
    assert isinstance(first[-1], events.Finish)
    assert first[-1].status == "suspended"

    async with run.resume_stream("yes", step="asks") as stream:
        second = [event async for event in stream]
        assert (await stream.get_workflow_state()).output == "asks:yes"
    assert brief(second)[0] == "resume"
    assert second[0].seq == first[-1].seq + 1
    check_events([*first, *second], workflow)


async def test_a_stream_may_stay_open() -> None:
    workflow = flow().then(Calls().asks())
    run = workflow.create_run()
    seen: list[events.Event] = []
    async with run.stream(0, close_on_suspend=False) as stream:
        async for event in stream:
            seen.append(event)
            if isinstance(event, events.Suspended):
                break
        result = await run.resume("yes", step="asks")
        seen += [event async for event in stream]
    assert result.output == "asks:yes"
    assert "finish" not in brief(seen)[:-1]
    check_events(seen, workflow)


async def test_leaving_an_open_stream_leaves_the_run_suspended() -> None:
    run = flow().then(Calls().asks()).create_run()
    async with run.stream(0, close_on_suspend=False) as stream:
        async for event in stream:
            if isinstance(event, events.Suspended):
                break
    assert run.status == "suspended"
    assert (await run.resume("yes", step="asks")).output == "asks:yes"


async def test_leaving_a_resumed_stream_cancels(autojump_clock: MockClock) -> None:
    workflow = flow().then(Calls().asks()).sleep(60)
    run = workflow.create_run()
    await run.start(0)
    async with run.resume_stream("yes", step="asks") as stream:
        await stream.receive()
    assert (await run.wait()).status == "canceled"
    check(run, workflow)


# ---------------------------------------------------------------- concurrency
async def test_of_two_answers_one_is_taken() -> None:
    calls = Calls()
    run = flow().then(calls.asks()).create_run()
    await run.start(0)
    await _race([run, run])
    assert calls.made["asks"] == 2


async def test_of_two_answers_to_two_engines_one_is_taken() -> None:
    store, calls = MemoryStore(), Calls()
    workflow = flow().then(calls.asks())
    async with (
        open_engine(plugins=[], store=store, workflows=[workflow]) as first,
        open_engine(plugins=[], store=store, workflows=[workflow]) as second,
    ):
        run = first.create_run(workflow, run_id="r")
        await run.start(0)
        await _race([run, await second.load_run("r")])
    assert calls.made["asks"] == 2


@pytest.mark.parametrize("is_durable", [False, True])
async def test_an_answer_that_comes_second_is_none_to_the_next_question(is_durable: bool) -> None:
    @step
    async def asks(value: Any, ctx: StepContext[Any]) -> Any:
        answers = [*(ctx.suspend_data or []), ctx.resume_data]
        if len(answers) < 3:
            ctx.suspend(answers)
        return answers[1:]

    store = MemoryStore() if is_durable else None
    async with open_engine(plugins=[], workflows=[flow().then(asks)], store=store) as engine:
        for _ in range(20):  # the order in which Trio runs the tasks differs
            run = engine.submit("w", 0)
            await run.wait()
            await _race([run, run])
            assert run.status == "suspended"
            result = await run.resume("the last one")
            assert result.unwrap()[-1] == "the last one"


async def _race(runs: list[Any]) -> None:
    taken, refused = [], []

    async def answer(run: Any, data: int) -> None:
        try:
            taken.append((await run.resume(data, step="asks")).output)
        except Exception as exc:
            refused.append(exc)

    async with trio.open_nursery() as nursery:
        for number, run in enumerate(runs):
            nursery.start_soon(answer, run, number)
    assert len(taken) == len(refused) == 1
    assert isinstance(refused[0], NotResumableError | RunClaimedError)


# ---------------------------------------------------------------- waiting in place
async def test_waiting_in_place_runs_nothing_twice(autojump_clock: MockClock) -> None:
    ran: list[Any] = []

    @step
    async def waits(value: Any, ctx: StepContext[Any]) -> list[Any]:
        ran.append("before")
        first = await ctx.wait_for("go", int)
        second = await ctx.wait_for("go", int, timeout=5)
        return [first, second]

    workflow = flow().then(waits)
    async with open_engine(plugins=[]) as engine:
        run = engine.submit(workflow, 0)
        run.send_event("go", 1)
        await trio.testing.wait_all_tasks_blocked()
        run.send_event("go", 2)
        assert (await run.wait()).output == [1, 2]
        check(run, workflow)
    assert ran == ["before"]


async def test_bodies_see_a_suspension_as_no_exception() -> None:
    cleaned: list[str] = []

    @step
    async def asks(value: Any, ctx: StepContext[Any]) -> Any:
        try:
            if ctx.resume_data is None:
                ctx.suspend(None)
        except Exception:  # would swallow it if it were one
            cleaned.append("caught")
        finally:
            cleaned.append("finally")
        return ctx.resume_data

    run = flow().then(asks).create_run()
    assert (await run.start(0)).status == "suspended"
    assert cleaned == ["finally"]


async def test_an_item_that_waits_in_its_second_attempt_continues_with_that_attempt() -> None:
    failures = iter([OSError("first")])

    @step
    async def ask(value: Any, ctx: StepContext) -> bool:
        return await ctx.ask("sure?", bool)

    @step
    async def fail_once(value: Any) -> Any:
        for failure in failures:
            raise failure
        return value

    item: Workflow[Any, Any] = Workflow("item").then(ask).then(fail_once)
    flow: Workflow[Any, Any] = Workflow("w", retry=Retry(attempts=2), input=list)
    run = flow.foreach(item).create_run()
    await run.start([1])
    assert (await run.resume(True)).status == "suspended"
    async with run.resume_stream(True) as stream:
        seen = [event.type async for event in stream]

    assert run.status == "success"
    assert "step-retry" not in seen
    assert run.record.calls["0[0]"].attempts == 2
