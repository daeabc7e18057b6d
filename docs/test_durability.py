"""The rows of ``concepts/durability.md``: what runs again after a process is gone, and what never.

Each run is driven by two engines on one file. The first is left while a step of the run hangs, as a
process that ends leaves it; ``tests/crash`` kills real processes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from test_tables import table_in

from trioflow import Engine, Retry, StepContext, Workflow, events, open_engine, step, tool


@attrs.define
class World:
    """What happens outside of runs, so it survives an engine."""

    folder: Path
    hangs: bool = True
    seen: list[str] = attrs.field(factory=list)
    opened: int = 0

    def note(self, what: str) -> None:
        self.seen.append(what)

    def engine(
        self, *workflows: Workflow[Any, Any], **options: Any
    ) -> AbstractAsyncContextManager[Engine]:
        store = f"sqlite:{self.folder / 'runs.db'}"
        return open_engine(plugins=["sql"], store=store, workflows=workflows, **options)

    async def hang(self) -> None:
        """Hang in the first engine only."""
        if self.hangs:
            await trio.sleep_forever()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def interrupted(
    world: World,
    flow: Workflow[Any, Any],
    value: object,
    at: Callable[[events.Event], bool] = lambda event: getattr(event, "id", "") == "last",
    others: Collection[Workflow[Any, Any]] = (),
    **options: Any,
) -> Any:
    """Run until an event, leave the engine, recover in another, and return the output."""
    async with world.engine(flow, *others, **options) as engine:
        engine.submit(flow, value, run_id="r")
        async with engine.observe("r") as stream:
            async for event in stream:
                if at(event):
                    break
        await trio.sleep(0.05)  # let the body reach the place where it hangs
    world.hangs = False
    async with world.engine(flow, *others, recover=True, **options) as engine:
        result = await (await engine.load_run("r")).wait()
        return result.unwrap()


def steps_of(world: World) -> tuple[Any, Any]:
    @step
    async def first(value: Any) -> Any:
        world.note("first")
        return value

    @step
    async def last(value: Any) -> Any:
        world.note("last")
        await world.hang()
        return value

    return first, last


async def test_a_recorded_step_never_runs_again_and_a_running_one_does(world: World) -> None:
    first, last = steps_of(world)
    flow = Workflow("flow", input=int).then(first).then(last)

    assert await interrupted(world, flow, 1) == 1
    assert world.seen == ["first", "last", "last"]


async def test_a_failed_attempt_is_not_made_again(world: World) -> None:
    @step(retry=Retry(attempts=2))
    async def last(value: int, ctx: StepContext) -> int:
        world.note(f"attempt {ctx.attempt}")
        if ctx.attempt == 1:
            raise OSError
        await world.hang()
        return value

    flow = Workflow("flow", input=int).then(last)

    await interrupted(world, flow, 1, lambda event: event.type == "step-retry")
    assert world.seen[0] == "attempt 1"
    assert "attempt 1" not in world.seen[1:]


async def test_conditions_and_mappings_never_run_again(world: World) -> None:
    first, last = steps_of(world)

    def is_right(value: int) -> bool:
        world.note("condition")
        return True

    def mapped(value: dict[str, int]) -> int:
        world.note("mapping")
        return value["first"]

    flow = Workflow("flow", input=int).branch((is_right, first)).map(mapped).then(last)

    await interrupted(world, flow, 1)
    assert world.seen.count("condition") == world.seen.count("mapping") == 1


async def test_ended_items_never_run_again_and_running_ones_do(world: World) -> None:
    @step
    async def item(value: int) -> int:
        world.note(str(value))
        if value == 2:
            await world.hang()
        return value

    flow = Workflow("flow", input=list[int]).foreach(item)

    def at(event: events.Event) -> bool:
        return isinstance(event, events.StepProgress) and event.done == 2

    assert await interrupted(world, flow, [0, 1, 2], at) == [0, 1, 2]
    assert world.seen == ["0", "1", "2", "2"]


async def test_a_sleep_takes_the_rest_of_its_time(world: World) -> None:
    flow = Workflow("flow", input=int).sleep(0.6)
    before = trio.current_time()

    await interrupted(world, flow, 1, lambda event: event.type == "step-waiting")
    assert trio.current_time() - before < 5


async def test_a_suspended_run_waits_on_and_an_answered_step_runs_from_the_top(
    world: World,
) -> None:
    @step
    async def ask(value: int, ctx: StepContext) -> str:
        world.note("top")
        return await ctx.ask("who?", str)

    flow = Workflow("flow", input=int).then(ask)
    async with world.engine(flow) as engine:
        await engine.create_run(flow, run_id="r").start(1)
    async with world.engine(flow, recover=True) as engine:
        assert world.seen == ["top"]
        run = await engine.load_run("r")
        assert (await run.resume("ann")).output == "ann"
    assert world.seen == ["top", "top"]


async def test_tool_calls_of_a_running_step_are_made_again(world: World) -> None:
    @tool
    async def look() -> int:
        world.note("tool")
        return 1

    @step
    async def last(value: int, ctx: StepContext) -> int:
        await ctx.call_tool(look)
        await world.hang()
        return value

    flow = Workflow("flow", input=int).then(last)

    await interrupted(world, flow, 1, lambda event: event.type == "tool-result")
    assert world.seen == ["tool", "tool"]


async def test_what_was_sent_is_never_lost(world: World) -> None:
    @step
    async def waits(value: int, ctx: StepContext) -> str:
        return await ctx.wait_for("paid", str)

    flow = Workflow("flow", input=int).then(waits)
    async with world.engine(flow) as engine:
        engine.submit(flow, 1, run_id="r")
        async with engine.observe("r") as stream:
            async for event in stream:
                if event.type == "step-waiting":
                    break
    async with world.engine() as engine:  # does not know the workflow
        await engine.send_event("r", "paid", "by ann")
    async with world.engine(flow, recover=True) as engine:
        assert (await (await engine.load_run("r")).wait()).output == "by ann"


async def test_a_started_run_is_never_started_twice(world: World) -> None:
    other = Workflow("other", input=int)

    @step
    async def starts(value: int, ctx: StepContext) -> str:
        started = await ctx.start_run("other", value)
        world.note(started)
        await world.hang()
        return started

    flow = Workflow("flow", input=int).then(starts)

    await interrupted(world, flow, 1, lambda e: e.type == "run-started", [other])
    assert world.seen[0] == world.seen[1]


async def test_resources_are_opened_anew(world: World) -> None:
    @asynccontextmanager
    async def open_client() -> Any:
        world.opened += 1
        yield "client"

    @step
    async def last(value: int, ctx: StepContext) -> int:
        await ctx.resource("client", str)
        await world.hang()
        return value

    flow = Workflow("flow", input=int).then(last)

    await interrupted(world, flow, 1, resources={"client": open_client})
    assert world.opened == 2


async def test_chunks_are_kept_if_wanted_and_come_again_with_their_step(world: World) -> None:
    @step
    async def last(value: int, ctx: StepContext) -> int:
        await ctx.write("chunk")
        await world.hang()
        return value

    flow = Workflow("flow", input=int).then(last)

    await interrupted(world, flow, 1, lambda e: e.type == "step-output", journal_chunks=True)
    async with world.engine(flow) as engine:
        assert engine.store is not None
        texts = [entry.text for entry in await engine.store.read("r")]
    assert sum('"step-output"' in text for text in texts) == 2


async def test_state_and_context_are_those_of_the_last_recorded_step(world: World) -> None:
    @step
    async def sets(value: int, ctx: StepContext) -> int:
        ctx.set_state(step="sets")
        ctx.runtime_context["tenant"] = "a"
        return value

    @step
    async def last(value: int, ctx: StepContext) -> list[Any]:
        found = [ctx.state["step"], ctx.runtime_context["tenant"]]
        ctx.set_state(step="lost")
        await world.hang()
        return found

    flow = Workflow("flow", input=int).then(sets).then(last)

    assert await interrupted(world, flow, 1) == ["sets", "a"]


async def test_hooks_are_called_when_the_run_has_finished(world: World) -> None:
    _, last = steps_of(world)
    flow = Workflow("flow", input=int, on_finish=lambda result: world.note(result.status))
    flow = flow.then(last)

    await interrupted(world, flow, 1)
    assert world.seen == ["last", "last", "success"]


def test_the_table_has_no_row_without_a_test() -> None:
    rows = [
        row["what was going on"] for row in table_in("concepts/durability.md", "what was going on")
    ]

    assert len(rows) == 16, "a new row needs a test above"
