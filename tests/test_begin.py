"""When a body begins that had to wait: for a limit, a thread, a process or a node."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import trio
from trio.testing import MockClock

from trioflow import Limit, Retry, StepContext, Workflow, events, fold, open_engine, step, tool
from trioflow.abc import Runner
from trioflow.errors import StepTimeoutError
from trioflow.runners import outside_timeout
from trioflow.stores import MemoryStore
from trioflow.testing import check_events
from trioflow.wire import from_wire, to_wire


class Distant(Runner):
    """Needs some time to begin a body."""

    def __init__(self, delay: float) -> None:
        self.delay = delay

    async def run(
        self, ctx: StepContext[Any], fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        with outside_timeout(ctx) as matters:
            self.matters = matters
            await trio.sleep(self.delay)
        result = fn(*args, **kwargs)
        return result if isinstance(result, int) else await result


async def all_of(
    workflow: Workflow[Any, Any], value: Any, **options: Any
) -> Sequence[events.Event]:
    async with open_engine(plugins=[], workflows=[workflow], **options) as engine:
        run = engine.create_run(workflow, run_id="r")
        async with run.stream(value) as stream:
            found = [event async for event in stream]
        check_events(found, workflow)
        assert fold(found) == run.record
    return found


def begins(found: Sequence[events.Event]) -> list[tuple[str, float, int]]:
    start = found[0].at
    return [
        (event.id, round(event.at - start, 3), event.attempt)
        for event in found
        if isinstance(event, events.StepBegin)
    ]


@step(runner="far", timeout=5)
async def far(seconds: int) -> int:
    await trio.sleep(seconds)
    return seconds


far_flow = Workflow("far", input=int, output=int).then(far)


async def test_a_body_that_waited_for_its_runner_has_a_beginning(autojump_clock: MockClock) -> None:
    runner = Distant(100)
    found = await all_of(far_flow, 4, runners={"far": runner})

    assert begins(found) == [("far", 100, 1)]
    assert fold(found).steps["far"].begun_at == found[0].at + 100
    assert fold(found).steps["far"].seconds == 104
    assert runner.matters


async def test_its_timeout_starts_there(autojump_clock: MockClock) -> None:
    found = await all_of(far_flow, 6, runners={"far": Distant(100)})

    finish = found[-1]
    assert isinstance(finish, events.Finish)
    assert isinstance(finish.error, StepTimeoutError)
    assert found[-1].at - found[0].at == 105


async def test_a_body_that_begins_at_once_has_none(autojump_clock: MockClock) -> None:
    found = await all_of(far_flow, 1, runners={"far": Distant(0.05)})

    assert begins(found) == []
    assert fold(found).steps["far"].begun_at is None


async def test_a_body_that_is_canceled_while_it_waits_never_begins(
    autojump_clock: MockClock,
) -> None:
    async with open_engine(plugins=[], runners={"far": Distant(100)}) as engine:
        run = engine.create_run(far_flow)
        with trio.move_on_after(10):
            await run.start(1)
        assert run.record.steps["far"].begun_at is None


async def test_waiting_for_a_limit_is_waiting(autojump_clock: MockClock) -> None:
    @step(limit=Limit("gpu", 1))
    async def work(seconds: int) -> int:
        await trio.sleep(seconds)
        return seconds

    flow = Workflow("both", input=int).parallel(work.clone("a"), work.clone("b"))
    found = await all_of(flow, 3)

    assert [at for _, at, _ in begins(found)] == [3]


async def test_a_limit_and_a_runner_both_count(autojump_clock: MockClock) -> None:
    @step(limit=Limit("gpu", 1), runner="far")
    async def work(seconds: int) -> int:
        await trio.sleep(seconds)
        return seconds

    flow = Workflow("both", input=int).parallel(work.clone("a"), work.clone("b"))
    found = await all_of(flow, 3, runners={"far": Distant(2)})

    first, *later = begins(found)  # either may be the first
    assert first[1] == 2
    assert [(id, at) for id, at, _ in later] == [(later[0][0], 5), (later[0][0], 7)]
    assert first[0] != later[0][0]


async def test_each_attempt_begins(autojump_clock: MockClock) -> None:
    @step(runner="far", retry=Retry(3, delay=1))
    async def fails(value: int, ctx: StepContext) -> int:
        if ctx.attempt < 3:
            raise OSError("not yet")
        return value

    found = await all_of(Workflow("tries", input=int).then(fails), 1, runners={"far": Distant(2)})

    assert begins(found) == [("fails", 2, 1), ("fails", 5, 2), ("fails", 8, 3)]


async def test_the_runner_of_a_tool_says_nothing_about_the_step(autojump_clock: MockClock) -> None:
    @tool(runner="far")
    async def helps(value: int) -> int:
        return value

    @step
    async def inline(value: int, ctx: StepContext) -> int:
        return await ctx.call_tool(helps, value=value)

    class Silent(Distant):
        async def run(
            self, ctx: StepContext[Any], fn: Callable[..., Any], /, *args: Any, **kwargs: Any
        ) -> Any:
            return await fn(*args, **kwargs)

    flow = Workflow("tools", input=int).then(inline)
    silent = Workflow("silent", input=int).then(step(id="quiet", runner="silent")(inline.fn))
    runners = {"far": Distant(50), "silent": Silent(0)}

    assert begins(await all_of(flow, 1, runners=runners)) == []
    assert begins(await all_of(silent, 1, runners=runners)) == []


async def test_items_have_none(autojump_clock: MockClock) -> None:
    flow = Workflow("items", input=list[int]).foreach(far, concurrency=2)

    assert begins(await all_of(flow, [1, 2], runners={"far": Distant(50)})) == []


async def test_it_is_recorded_and_forked(autojump_clock: MockClock) -> None:
    @step
    async def after(value: int) -> int:
        return value

    store, flow = MemoryStore(), Workflow("w", input=int).then(far).then(after)
    await all_of(flow, 1, runners={"far": Distant(50)}, store=store)
    async with open_engine(
        plugins=[], workflows=[flow], store=store, runners={"far": Distant(50)}
    ) as engine:
        run = await engine.load_run("r")
        far_record = run.record.steps["far"]
        assert far_record.begun_at == far_record.started_at + 50
        fork = await run.fork("after")
        assert (await fork.start()).status == "success"
        async with fork.observe() as stream:
            found = [event async for event in stream]
    assert begins(found) == [("far", 50, 1)]
    check_events(found, flow)


def test_it_has_a_wire_form() -> None:
    event = events.StepBegin(run_id="r", seq=3, at=1.0, id="far", address="0", attempt=2)

    assert from_wire(to_wire(event)) == event
