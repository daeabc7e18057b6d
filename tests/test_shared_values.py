"""Values that a run passes on are written once, and read wherever they were."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import attrs
import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.suspending import all_events
from trioflow import Engine, Run, StepContext, Workflow, events, fold, open_engine, step, tool
from trioflow._engine.journal.codec import decode
from trioflow._engine.journal.last_value import LastValue
from trioflow.abc import Append, Entry
from trioflow.errors import JournalFormatError
from trioflow.stores import MemoryStore

LONG = "x" * 10_000


@attrs.frozen
class Basket:
    goods: list[str]


@step
async def passes(value: str) -> str:
    return value


@step
async def grows(value: list[str]) -> list[str]:
    value.append("more")
    return value


@step
async def asks(value: Any, ctx: StepContext[Any]) -> Any:
    if ctx.resume_data is None:
        ctx.suspend()
    return value


def chain(*targets: Any, input: Any = str) -> Workflow[Any, Any]:
    flow: Workflow[Any, Any] = Workflow("w", input=input, output=Any)
    for target in targets:
        flow = flow.then(target)
    return flow


async def run(workflow: Workflow[Any, Any], value: Any) -> tuple[MemoryStore, list[Entry]]:
    store = MemoryStore()
    async with open_engine(plugins=[], workflows=[workflow], store=store) as engine:
        await engine.submit("w", value, run_id="r").wait()
    return store, list(await store.read("r", limit=10**6))


def fields(entries: Sequence[Entry], type: str) -> list[dict[str, Any]]:
    parsed = [json.loads(entry.text) for entry in entries]
    return [parts[-1] for parts in parsed if parts[0] == type and isinstance(parts[-1], dict)]


async def test_what_is_passed_on_is_written_once() -> None:
    steps = [passes.clone(f"s{n}") for n in range(10)]
    _, entries = await run(chain(*steps), LONG)

    assert sum(len(entry.text) for entry in entries) < len(LONG) * 2.5  # and the result
    assert fields(entries, "step-start") == [{"input_of": 0}] * 10
    assert fields(entries, "step-result") == [{"output_of": 0}] * 10


async def test_what_is_short_is_written_where_it_is() -> None:
    _, entries = await run(chain(passes, passes.clone("again")), "short")

    assert fields(entries, "step-start") == [{"input": "short"}] * 2


async def test_an_output_that_a_step_has_changed_is_written() -> None:
    _, entries = await run(chain(grows, grows.clone("again"), input=list[str]), [LONG])

    assert [len(each["output"]) for each in fields(entries, "step-result")] == [2, 3]
    assert fields(entries, "step-start") == [{"input_of": 0}, {"input_of": 2}]
    assert list(decode("r", entries))[1].input == [LONG]  # type: ignore[attr-defined]


async def read_in_all_ways(engine: Engine, recorded: Sequence[events.Event]) -> Run[Any, Any]:
    """Check that all readers of a stored run find these events; return the run."""
    assert await all_events(engine, "r") == recorded
    for after in range(len(recorded) - 1):
        async with engine.observe("r", after) as seen:
            assert [event async for event in seen] == recorded[after + 1 :]
    loaded = await engine.load_run("r")
    assert loaded.record == fold(recorded)
    return loaded


async def test_everyone_who_reads_it_finds_the_value() -> None:
    workflow = chain(passes, passes.clone("again"), asks)
    store, entries = await run(workflow, LONG)
    recorded = list(decode("r", entries))
    assert [e.input for e in recorded if isinstance(e, events.StepStart)] == [LONG] * 3

    async with open_engine(plugins=[], workflows=[workflow], store=store) as engine:
        loaded = await read_in_all_ways(engine, recorded)
        assert loaded.record.steps["asks"].input == LONG


async def test_another_engine_takes_over_what_it_has_not_seen() -> None:
    workflow = chain(asks, passes, asks.clone("asks-again"))
    store, _ = await run(workflow, LONG)
    async with (
        open_engine(plugins=[], workflows=[workflow], store=store) as one,
        open_engine(plugins=[], workflows=[workflow], store=store) as other,
    ):
        seen = await other.load_run("r")
        await (await one.load_run("r")).resume(1)
        result = await seen.resume(2)
        assert result.output == LONG
        assert seen.record.steps["passes"].input == LONG
        assert seen.record == fold(decode("r", await store.read("r", limit=100)))


async def test_values_have_their_types_wherever_they_are_shared() -> None:
    @step
    async def packs(value: str) -> Basket:
        return Basket([value])

    @step
    async def looks(basket: Basket) -> Basket:
        return basket

    workflow = chain(packs, looks, asks)
    store, _ = await run(workflow, LONG)

    async with open_engine(plugins=[], workflows=[workflow], store=store) as engine:
        loaded = await engine.load_run("r")
        assert loaded.record.steps["looks"].input == Basket([LONG])
        assert loaded.record.steps["asks"].input == Basket([LONG])


@tool
async def repeats(text: str, times: int = 1) -> str:
    return text * times


@step
async def keeps(value: str, ctx: StepContext[Any]) -> int:
    """Keep what tools return: as it is, changed, and together with something else."""
    said = await ctx.call_tool(repeats, text="ab", times=1000)
    ctx.set_private_state("p", {"first": said})
    ctx.set_private_state("p", {"again": said})
    said = await ctx.call_tool(repeats, text="cd", times=1000)
    ctx.set_private_state("p", {"changed": said + "!"})
    said = await ctx.call_tool(repeats, text="ef", times=1000)
    ctx.set_private_state("p", {"both": said, "number": 1})
    await ctx.call_tool(repeats, text="ef")
    return 1


KEPT = {
    "first": "ab" * 1000,
    "again": "ab" * 1000,
    "changed": "cd" * 1000 + "!",
    "both": "ef" * 1000,
    "number": 1,
}


async def test_the_output_of_a_tool_that_is_kept_is_written_once() -> None:
    workflow = chain(keeps, asks)
    store, entries = await run(workflow, "go")

    first, *others = fields(entries, "private-update")
    (tool_result, *_) = (json.loads(e.text)[1] for e in entries if "tool-result" in e.text)
    assert first == {"namespace": "p", "updates_of": {"first": tool_result}}
    assert all("updates_of" not in each for each in others)

    recorded = list(decode("r", entries))
    assert fold(recorded).private["p"] == KEPT
    async with open_engine(plugins=[], workflows=[workflow], store=store) as engine:
        loaded = await read_in_all_ways(engine, recorded)
        forked = await loaded.fork("asks", resume_data=1, run_id="f")
        result = await forked.start()
        assert result.status == "success"
        assert forked.record.private["p"] == KEPT
        assert (await engine.load_run("f")).record.private["p"] == KEPT


async def test_tools_that_are_called_at_the_same_time_are_kept_apart() -> None:
    @step
    async def keeps_one(number: int, ctx: StepContext[Any]) -> int:
        said = await ctx.call_tool(repeats, text=str(number), times=1000)
        await trio.lowlevel.checkpoint()
        ctx.set_private_state("p", {f"of {number}": said})
        return number

    items: Workflow[Any, Any] = Workflow("w", input=list[int], output=list[int])
    workflow = items.foreach(keeps_one, concurrency=100).then(asks)
    store, entries = await run(workflow, list(range(100)))

    kept = {f"of {n}": str(n) * 1000 for n in range(100)}
    assert fold(decode("r", entries)).private["p"] == kept
    async with open_engine(plugins=[], workflows=[workflow], store=store) as engine:
        assert (await engine.load_run("r")).record.private["p"] == kept


async def test_outputs_of_tools_are_forgotten_with_their_steps() -> None:
    @step
    async def calls(number: int, ctx: StepContext[Any]) -> int:
        await ctx.call_tool(repeats, text=str(number), times=1000)
        await wait_all_tasks_blocked()
        return number

    last = LastValue()
    items: Workflow[Any, Any] = Workflow("w", input=list[int], output=Any)
    looped: Workflow[Any, Any] = items.foreach(calls, concurrency=10).map(sum, id="sum")
    workflow = looped.then(calls.clone("again"))
    _, entries = await run(workflow, list(range(10)))
    held = 0
    for event, entry in zip(decode("r", entries), entries, strict=True):
        last.references(event)
        last.note(event, entry)
        held = max(held, len(last.tools))

    assert held == 10
    assert not last.tools


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ('{"first":', '{"first":1', "refers to entry"),
        ('{"first":', '{"first":0', "JSON|refers to entry"),
        ('{"first":', '[0],"x":{"first":', "it refers to entries"),
        ('updates_of":', 'updates":[1],"x":', "'updates' is"),
    ],
)
async def test_references_of_private_state_that_lead_nowhere(
    before: str, after: str, problem: str
) -> None:
    _, entries = await run(chain(keeps, asks), "go")
    number = next(n for n, entry in enumerate(entries) if "updates_of" in entry.text)
    text = entries[number].text.replace(before, after)
    changed = [*entries[:number], attrs.evolve(entries[number], text=text), *entries[number + 1 :]]

    with pytest.raises(JournalFormatError, match=problem):
        decode("r", changed)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ('"input_of":3', "its input refers to entry 3, which has none"),
        ('"input_of":7', "it refers to entry 7"),
        ('"input_of":"a"', "it refers to entry 'a'"),
    ],
)
async def test_a_reference_that_leads_nowhere_is_damage(change: str, problem: str) -> None:
    workflow = chain(passes, asks)
    store, entries = await run(workflow, LONG)
    stored = await store.get("r")
    assert stored is not None
    text = entries[4].text.replace('"input_of":0', change)  # the start of the second step
    changed = [*entries[:4], attrs.evolve(entries[4], text=text), *entries[5:]]
    other = MemoryStore()
    append = Append(
        run_id="r", entries=tuple(changed), after=-1, status="suspended", header=stored.header
    )
    assert await other.append([append]) == [None]

    with pytest.raises(JournalFormatError, match=problem):
        decode("r", changed)
    async with open_engine(plugins=[], workflows=[workflow], store=other) as engine:
        with pytest.raises(JournalFormatError):
            await engine.load_run("r")
