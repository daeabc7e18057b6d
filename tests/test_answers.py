"""There is one way from an answer to its step, however the run is driven: structured once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import pytest
import trio
from cattrs import Converter

from trioflow import Engine, Run, StepContext, Workflow, events, open_engine, step
from trioflow.errors import InvalidValueError
from trioflow.hookspecs import hookimpl
from trioflow.stores import MemoryStore


@attrs.define(eq=False)
class Verdict:
    """An answer. Each is only equal to itself."""

    text: str


@attrs.define(eq=False)
class Counting:
    """A plugin whose hook tells what it was called with."""

    structured: list[Any] = attrs.field(factory=list)

    @hookimpl
    def trioflow_converter(self, converter: Converter) -> None:
        converter.register_structure_hook(Verdict, lambda data, _: self.structure(data))
        converter.register_unstructure_hook(Verdict, lambda verdict: {"text": verdict.text})

    def structure(self, data: Any) -> Verdict:
        if isinstance(data, Verdict):
            return data
        self.structured.append(data)
        return Verdict(data["text"])


seen: list[Any] = []


@step(resume=Verdict)
async def asks(value: Any, ctx: StepContext[Any]) -> str:
    if ctx.resume_data is None:
        ctx.suspend("well?")
    seen.append(ctx.resume_data)
    text: str = ctx.resume_data.text
    return text


FLOWS = {
    "a step": Workflow("flow").then(asks),
    "a step of a nested workflow": Workflow("flow").then(Workflow("inner").then(asks)),
    "an arm": Workflow("flow").parallel(asks),
    "an item": Workflow("flow").map(lambda data: [1]).foreach(asks),
    "an iteration": Workflow("flow").dowhile(asks, lambda data: False),
}
ANSWER = {"text": "yes"}


async def by_itself(engine: Engine, flow: Workflow[Any, Any]) -> Run[Any, Any]:
    run = engine.create_run(flow, run_id="r")
    await run.start()
    await run.resume(ANSWER)
    return run


async def in_the_engine(engine: Engine, flow: Workflow[Any, Any]) -> Run[Any, Any]:
    run = engine.submit(flow, run_id="r")
    await run.wait()
    await run.resume(ANSWER)
    return run


async def in_a_stream(engine: Engine, flow: Workflow[Any, Any]) -> Run[Any, Any]:
    run = engine.create_run(flow, run_id="r")
    await run.start()
    async with run.resume_stream(ANSWER) as stream:
        await stream.get_workflow_state()
    return run


async def in_an_open_stream(engine: Engine, flow: Workflow[Any, Any]) -> Run[Any, Any]:
    run = engine.create_run(flow, run_id="r")
    async with run.stream(close_on_suspend=False) as stream:
        async for event in stream:
            if isinstance(event, events.Suspended):
                await run.resume(ANSWER)
    return run


Way = Callable[[Engine, Workflow[Any, Any]], Awaitable[Run[Any, Any]]]
WAYS: list[Way] = [by_itself, in_the_engine, in_a_stream, in_an_open_stream]


@pytest.mark.parametrize("durable", [False, True])
@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("way", WAYS)
async def test_an_answer_is_structured_once(way: Way, flow: str, durable: bool) -> None:
    counting, store = Counting(), MemoryStore() if durable else None
    seen.clear()
    async with open_engine(plugins=[counting], store=store) as engine:
        run = await way(engine, FLOWS[flow])
        recorded = run._life.core.log.history()

    assert run.status == "success"
    assert counting.structured == [ANSWER]
    (verdict,) = seen
    assert isinstance(verdict, Verdict)
    assert [e.data for e in recorded if isinstance(e, events.Resume)] == [verdict]
    told = [e.resume_data for e in recorded if isinstance(e, events.StepStart)]
    assert set(told) <= {None, verdict}


async def test_an_answer_that_is_read_from_a_journal_is_not_structured_again() -> None:
    store, counting, later = MemoryStore(), Counting(), Counting()
    flow = Workflow("flow").then(asks).then(asks.clone("again"))
    async with open_engine(plugins=[counting], store=store, workflows=[flow]) as engine:
        await by_itself(engine, flow)
    async with open_engine(plugins=[later], store=store, workflows=[flow]) as engine:
        run = await engine.load_run("r")
        seen.clear()
        await run.resume({"text": "no"})

    assert counting.structured == [ANSWER]
    assert later.structured == [{"text": "no"}]
    assert [verdict.text for verdict in seen] == ["no"]


@pytest.mark.parametrize("durable", [False, True])
async def test_an_answer_for_going_back_is_structured_once(durable: bool) -> None:
    counting, store = Counting(), MemoryStore() if durable else None
    seen.clear()
    async with open_engine(plugins=[counting], store=store) as engine:
        run = engine.create_run(FLOWS["a step"])
        await run.start()
        result = await (await run.fork(asks, resume_data=ANSWER)).start()
        with pytest.raises(InvalidValueError):
            await (await run.fork(asks, resume_data={"other": "yes"})).start()

    assert result.output == "yes"
    assert counting.structured == [ANSWER, {"other": "yes"}]
    assert [type(verdict) for verdict in seen] == [Verdict]


async def test_one_of_two_answers_that_come_at_once_is_structured() -> None:
    counting = Counting()
    async with open_engine(plugins=[counting]) as engine:
        run = engine.submit(FLOWS["a step"])
        await run.wait()
        taken = []

        async def answer(text: str) -> None:
            try:
                await run.resume({"text": text})
            except Exception:
                return
            taken.append({"text": text})

        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer, "a")
            nursery.start_soon(answer, "b")

    assert len(taken) == 1
    assert counting.structured == taken
