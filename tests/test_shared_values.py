"""Values that a run passes on are written once, and read wherever they were."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import attrs
import pytest

from tests.suspending import all_events
from trioflow import StepContext, Workflow, events, fold, open_engine, step
from trioflow._engine.journal.codec import decode
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


async def test_everyone_who_reads_it_finds_the_value() -> None:
    workflow = chain(passes, passes.clone("again"), asks)
    store, entries = await run(workflow, LONG)
    recorded = list(decode("r", entries))
    assert [e.input for e in recorded if isinstance(e, events.StepStart)] == [LONG] * 3

    async with open_engine(plugins=[], workflows=[workflow], store=store) as engine:
        assert await all_events(engine, "r") == recorded
        for after in range(len(recorded) - 1):
            async with engine.observe("r", after) as seen:
                assert [event async for event in seen] == recorded[after + 1 :]
        loaded = await engine.load_run("r")
        assert loaded.record == fold(recorded)
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
