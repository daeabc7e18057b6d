"""The workflow of the sample journals. It must stay as it is: the journals tell of it.

``python -m tests.journals.sample FILE`` writes a journal of the current format.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import attrs
import trio
from trio.testing import MockClock

from tests.flows import add_one, double
from trioflow import Retry, StepContext, Workflow, open_engine, step, tool
from trioflow.abc import Append, Entry, RunHeader
from trioflow.stores import MemoryStore

RUN = "sample"


@tool
async def look_up(value: int) -> int:
    return value + 100


@step(retry=Retry(attempts=2))
async def tries_twice(value: int, ctx: StepContext[Any]) -> int:
    ctx.runtime_context["tried"] = ctx.attempt
    if ctx.attempt == 1:
        raise ValueError("not yet")
    ctx.set_state({"tried": ctx.attempt})
    await ctx.write("chunk")
    return await ctx.call_tool(look_up, value=value)


@step
async def asks(value: Any, ctx: StepContext[Any]) -> Any:
    if ctx.resume_data is None:
        ctx.suspend({"about": value}, label="question")
    return [value, ctx.resume_data]


def flow(id: str) -> Workflow[Any, Any]:
    return Workflow(id, input=Any, output=Any)


SAMPLE = (
    flow("sample")
    .then(tries_twice)
    .sleep(1, id="nap")
    .branch((lambda _: True, add_one), (lambda _: False, double))
    .map(lambda value: [value["add_one"]] * 2, id="list")
    .foreach(flow("item").then(add_one).parallel(double, asks), concurrency=2)
    .wait_for_event("go", flow("waits").then(asks.clone("asks-again")))
)


async def write(file: Path) -> None:
    """Run the workflow until one item has its answer and the other waits, and keep that."""
    store = MemoryStore()
    async with open_engine(plugins=[], store=store, journal_chunks=True) as engine:
        run = engine.create_run(SAMPLE, run_id=RUN, resource_id="somebody")
        await run.start(1, runtime_context={"tenant": "a"}, initial_state={"a": 1})
        await run.resume("first", label="question", index=0)
    stored = await store.get(RUN)
    assert stored is not None
    entries = [attrs.asdict(entry) for entry in await store.read(RUN)]
    header = attrs.asdict(stored.header)
    file.write_text(  # noqa: ASYNC240 - a script
        json.dumps({"header": header, "status": stored.status, "entries": entries}, indent=1) + "\n"
    )


async def read(file: Path) -> MemoryStore:
    """Return a store that holds the journal of a file."""
    kept = json.loads(file.read_text())  # noqa: ASYNC240 - a test
    store = MemoryStore()
    append = Append(
        run_id=RUN,
        entries=tuple(Entry(**entry) for entry in kept["entries"]),
        after=-1,
        status=kept["status"],
        header=RunHeader(**kept["header"]),
    )
    assert await store.append([append]) == [None]
    return store


if __name__ == "__main__":
    trio.run(write, Path(sys.argv[1]), clock=MockClock(autojump_threshold=0))
