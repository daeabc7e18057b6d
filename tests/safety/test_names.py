"""Ids, names and reasons that are no strings are refused where they are given.

Written as they are, they would make journals that nobody can read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from trioflow import Engine, StepContext, Workflow, open_engine, step
from trioflow.errors import InvalidIdError
from trioflow.stores import MemoryStore
from trioflow.tracing import TracingOptions

ODD: Any = 5


@step
async def asks(value: Any, ctx: StepContext[Any]) -> Any:
    if ctx.resume_data is None:
        ctx.suspend()
    return ctx.resume_data


asking = Workflow("asking").then(asks)


async def test_a_run_and_its_owner_have_strings_as_ids() -> None:
    async with open_engine(plugins=[], store=MemoryStore()) as engine:
        with pytest.raises(InvalidIdError, match="run id 5 is of type int, not a string"):
            engine.create_run(asking, run_id=ODD)
        with pytest.raises(InvalidIdError, match="resource id 5 is of type int, not a string"):
            engine.submit(asking, resource_id=ODD)
    with pytest.raises(InvalidIdError, match="run id 5 is of type int"):
        asking.create_run(run_id=ODD)


@pytest.mark.parametrize(
    "options",
    [
        {"runtime_context": {ODD: 1}},
        {"runtime_context": [ODD]},
        {"tracing_options": TracingOptions([ODD])},  # type: ignore[arg-type]
    ],
    ids=["a key of the context", "the context", "metadata"],
)
async def test_a_run_starts_with_mappings_of_strings(options: dict[str, Any]) -> None:
    async with open_engine(plugins=[], store=MemoryStore()) as engine:
        run = engine.create_run(asking)
        with pytest.raises(TypeError):
            await run.start(1, **options)
        assert (await run.start(1)).status == "suspended"


CALLS: dict[str, Callable[[Engine, Any], Any]] = {
    "a reason": lambda engine, run: run.cancel(ODD),
    "a reason from elsewhere": lambda engine, run: engine.cancel_run(run.run_id, ODD),
    "an event": lambda engine, run: run.send_event(ODD),
    "a key of the context": lambda engine, run: run.resume(1, runtime_context={ODD: 1}),
    "the id of another run": lambda engine, run: run.fork("asks", run_id=ODD),
}


@pytest.mark.parametrize("call", CALLS)
async def test_a_run_that_waits_is_not_harmed_by_a_name_that_is_none(call: str) -> None:
    store = MemoryStore()
    async with open_engine(plugins=[], store=store) as engine:
        run = engine.create_run(asking, run_id="r")
        await run.start(1)
        before = await store.get("r")
        with pytest.raises((TypeError, InvalidIdError), match="string"):
            result = CALLS[call](engine, run)
            if result is not None:
                await result

        assert await store.get("r") == before
        assert (await run.resume("yes")).output == "yes"


BODIES: dict[str, Callable[[StepContext[Any]], Any]] = {
    "a reason": lambda ctx: ctx.cancel_run(ODD),
    "a label": lambda ctx: ctx.suspend(label=ODD),
    "an event": lambda ctx: ctx.wait_for(ODD),
    "a key of the context": lambda ctx: ctx.runtime_context.update({ODD: 1}),
}


@pytest.mark.parametrize("body", BODIES)
async def test_a_step_that_gives_such_a_name_fails(body: str) -> None:
    @step
    async def gives(value: Any, ctx: StepContext[Any]) -> None:
        result = BODIES[body](ctx)
        if result is not None:
            await result

    async with open_engine(plugins=[], store=MemoryStore()) as engine:
        result = await engine.create_run(Workflow("w").then(gives)).start(1)

    assert isinstance(result.error, TypeError)


async def test_the_id_of_a_submitted_run_that_was_refused_is_free() -> None:
    async with open_engine(plugins=[], store=MemoryStore()) as engine:
        with pytest.raises(ValueError, match="has no JSON form") as caught:
            engine.submit(asking, object(), run_id="r")
        await engine.submit(asking, 1, run_id="r").wait()
        assert caught.value is not None  # held until here, with the frames that it has passed
