"""What is left of a value after a restart; for tests of journals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trioflow import StepContext, Workflow, open_engine, step
from trioflow.abc import Store
from trioflow.stores import MemoryStore


def giving(output: Any, value: Any, takes: Any = Any) -> Workflow[Any, Any]:
    """Return a workflow that gives a value, waits for an answer, and passes the value on."""

    @step(output=output)
    async def gives() -> Any:
        return value

    @step(input=takes)
    async def asks(given: Any, ctx: StepContext[Any]) -> Any:
        if ctx.resume_data is None:
            ctx.suspend()
        return given

    return Workflow("w", input=Any, output=Any).then(gives).then(asks)


async def begin(workflow: Workflow[Any, Any], store: Store, **options: Any) -> None:
    """Run a workflow to where it waits.

    Raises:
      Exception: with which it has failed instead.
    """
    async with open_engine(plugins=[], workflows=[workflow], store=store, **options) as engine:
        result = await engine.submit("w", run_id="r").wait()
        if result.error is not None:
            raise result.error


async def end(workflow: Workflow[Any, Any], store: Store, **options: Any) -> Any:
    """Return what a run comes to that goes on in another engine."""
    async with open_engine(plugins=[], workflows=[workflow], store=store, **options) as engine:
        run = await engine.load_run("r")
        return (await run.resume(True)).unwrap()


async def after_restart(output: Any, value: Any) -> Any:
    """Return a value as the next step sees it in another engine."""
    store, workflow = MemoryStore(), giving(output, value)
    await begin(workflow, store)
    return await end(workflow, store)


async def recorded(store: Store) -> Sequence[str]:
    """Return the texts of the journal."""
    return [entry.text for entry in await store.read("r", limit=10**6)]
