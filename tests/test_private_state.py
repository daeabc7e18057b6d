"""Private state of plugins: keys that a run keeps and that are no part of its state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import pytest
import trio
from trio.testing import MockClock

from trioflow import Retry, RunContext, StepContext, Workflow, fold, open_engine, step
from trioflow import events as ev
from trioflow.errors import NotSerializableError
from trioflow.stores import MemoryStore
from trioflow.testing import check_events, record

SPACE = "the-plugin"


@attrs.frozen
class Remark:
    text: str


@step
async def remarks(value: Any, ctx: StepContext) -> int:
    ctx.set_private_state(SPACE, {f"#{len(ctx.private_state(SPACE))}": Remark(str(value))})
    return len(ctx.private_state(SPACE))


async def test_it_is_no_part_of_the_state_and_is_seen_by_later_steps() -> None:
    seen: list[Mapping[str, Any]] = []

    def look(value: Any, ctx: RunContext) -> Any:
        seen.append(dict(ctx.private_state(SPACE)))
        return value

    run = Workflow("w").then(remarks).map(look, id="look").create_run()
    result = await run.start("a")

    assert (result.output, result.state) == (1, {})
    assert seen == [{"#0": Remark("a")}]
    assert run.record.private == {SPACE: {"#0": Remark("a")}}


async def test_names_spaces_are_apart_and_reading_changes_nothing() -> None:
    @step
    async def look(ctx: StepContext) -> Any:
        return dict(ctx.private_state("another"))

    events = await record(Workflow("w").then(remarks).then(look), 1)

    assert isinstance(events[-1], ev.Finish)
    assert events[-1].result == {}
    assert fold(events).private.keys() == {SPACE}
    check_events(events)


async def test_what_is_given_out_cannot_be_changed() -> None:
    @step
    async def changes(ctx: StepContext) -> None:
        ctx.private_state(SPACE)["a"] = 1  # type: ignore[index]

    result = await Workflow("w").then(changes).create_run().start()

    assert isinstance(result.error, TypeError)


async def test_a_failed_attempt_keeps_what_it_has_recorded(autojump_clock: MockClock) -> None:
    @step(retry=Retry(attempts=2, delay=1))
    async def fails_once(ctx: StepContext) -> Any:
        known = dict(ctx.private_state(SPACE))
        ctx.set_private_state(SPACE, {"asked": True})
        if not known:
            raise OSError("away")
        return known

    assert await Workflow("w").then(fails_once).run() == {"asked": True}


async def test_it_is_there_in_another_process() -> None:
    @step
    async def asks(value: Any, ctx: StepContext) -> Any:
        ctx.set_private_state(SPACE, {"asked": Remark("sure?")})
        return await ctx.ask("sure?", bool) and dict(ctx.private_state(SPACE))

    workflow, store = Workflow("w").then(remarks).then(asks), MemoryStore()
    async with open_engine(plugins=[], workflows=[workflow], store=store) as engine:
        await engine.submit("w", "a", run_id="r").wait()
        async with open_engine(plugins=[], workflows=[workflow], store=store) as other:
            result = await (await other.load_run("r")).resume(True)

    assert result.output == {"#0": Remark("a"), "asked": Remark("sure?")}


async def test_a_value_that_cannot_be_written_fails_the_step() -> None:
    @step
    async def lock(ctx: StepContext) -> None:
        ctx.set_private_state(SPACE, {"a": trio.Lock()})

    workflow = Workflow("w").then(lock)
    async with open_engine(plugins=[], workflows=[workflow], store="memory:") as engine:
        run = engine.submit("w", None)
        result = await run.wait()

    assert isinstance(result.error, NotSerializableError)
    assert run.record.private == {}


@pytest.mark.parametrize(("space", "key"), [(1, "a"), (SPACE, 1)])
async def test_names_are_strings(space: Any, key: Any) -> None:
    @step
    async def sets(ctx: StepContext) -> None:
        ctx.set_private_state(space, {key: 1})

    result = await Workflow("w").then(sets).create_run().start()

    assert isinstance(result.error, TypeError)


async def test_a_fork_has_what_came_before_it() -> None:
    async with open_engine(plugins=[], store="memory:") as engine:
        workflow = Workflow("w").then(remarks.clone("one")).then(remarks.clone("two"))
        run = engine.submit(workflow, "a")
        await run.wait()
        forked = await run.fork("two")
        await forked.start()

    assert forked.record.private == {SPACE: {"#0": Remark("a"), "#1": Remark("1")}}
    assert [e.updates for e in await _updates(run)] == [
        {"#0": Remark("a")},
        {"#1": Remark("1")},
    ]


async def _updates(run: Any) -> list[ev.PrivateUpdate]:
    async with run.observe() as observer:
        return [event async for event in observer if isinstance(event, ev.PrivateUpdate)]
