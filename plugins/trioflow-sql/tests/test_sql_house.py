"""What an engine does to many runs, on a database: lists, starts once, removes without a trace."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
import trio
from trioflow_sql import SqlStore
from trioflow_sql.tables import metadata

from trioflow import Engine, StepContext, Workflow, open_engine, step

SECRET = "4711-secret"


@step
async def asks(value: Any, ctx: StepContext) -> Any:
    if ctx.resume_data is None:
        ctx.suspend({"for": value})
    return ctx.resume_data


@step
async def adds(value: int) -> int:
    return value + 1


ADDS = Workflow("adds", input=int, output=int).then(adds)
ASKS = Workflow("asks", input=Any, output=Any).then(asks)


@asynccontextmanager
async def engine_on(store: SqlStore | str, **options: Any) -> AsyncGenerator[Engine, None]:
    with trio.fail_after(120):
        async with open_engine(
            plugins=["sql"], store=store, workflows=[ADDS, ASKS], **options
        ) as engine:
            yield engine


async def fill(engine: Engine, count: int) -> None:
    for number in range(count):
        resource = ("ann", "bob")[number % 2]
        tags = ["all", f"of {resource}"]
        run_id = f"{number:02}"
        await engine.submit("adds", number, run_id=run_id, resource_id=resource, tags=tags).wait()


async def test_pages_of_runs_with_their_inputs(url: str) -> None:
    async with engine_on(url) as engine:
        await fill(engine, 12)
        found, cursor = [], None
        while page := await engine.list_runs(tags=["all", "of ann"], limit=4, cursor=cursor):
            found += [(run.run_id, run.input, run.status) for run in page]
            cursor = page[-1].cursor

        assert found == [(f"{n:02}", n, "success") for n in range(10, -1, -2)]
        assert await engine.count_runs(tags=["of bob"], since=timedelta(hours=1)) == 6
        assert await engine.count_runs(before=timedelta(hours=1)) == 0


@pytest.mark.parametrize("durability", ["step", "exit"])
async def test_of_two_engines_one_starts_it_and_the_other_follows(
    url: str, durability: Any
) -> None:
    options = {"durability": durability}
    async with engine_on(url, **options) as one, engine_on(url, **options) as other:
        started: list[Any] = []

        async def start(engine: Engine) -> None:
            started.append(await engine.start_once("asks", 1, run_id="r"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(start, one)
            nursery.start_soon(start, other)
        [run] = [run for run in started if run is not None]
        attached = [
            engine.submit("asks", 2, run_id="r", if_exists="attach") for engine in (one, other)
        ]
        results = [await each.wait() for each in (run, *attached)]

    assert [result.status for result in results] == ["suspended"] * 3
    assert [result.input for result in results] == [1, 1, 1]


async def test_nothing_is_left_of_a_resource_that_was_deleted(url: str) -> None:
    store = SqlStore(url)
    async with engine_on(store) as engine:
        await fill(engine, 3)
        run = engine.submit("asks", SECRET, run_id=SECRET, resource_id=SECRET, tags=[SECRET])
        await run.wait()
        await engine.send_event(SECRET, "heard", SECRET)
        assert await mentions(store) > 0

        result = await engine.delete_runs(resource_id=SECRET)

        assert (result.done, result.refused) == ((SECRET,), {})
        assert await mentions(store) == 0
        assert await engine.count_runs() == 3


async def mentions(store: SqlStore) -> int:
    """Return how many rows of all tables hold the secret somewhere."""

    def count(connection: Any) -> int:
        found = 0
        for table in metadata.sorted_tables:
            rows = connection.execute(table.select())
            found += sum(SECRET in str(tuple(row)) for row in rows)
        return found

    return await store._access.read(count)


async def test_what_is_old_is_pruned(url: str) -> None:
    async with engine_on(url) as engine:
        await fill(engine, 4)
        await engine.submit("asks", 1, run_id="waits").wait()

        assert await engine.prune(before=timedelta(hours=1)) == 0
        assert await engine.prune(before=timedelta(0)) == 4
        assert [run.run_id for run in await engine.list_runs()] == ["waits"]
