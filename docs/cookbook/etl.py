"""Extract, transform, load: fan out over files, set bad rows aside, load in batches.

A file that cannot be read fails; a row that is wrong is reported; the rest is loaded.
"""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import trio
from attrs import frozen

from trioflow import Failed, Limit, Ok, Retry, StepContext, Workflow, open_engine, step


@frozen
class Row:
    id: str
    amount: int


@frozen
class Extracted:
    rows: list[Row]
    bad: list[str]


@step
def extract(path: str) -> Extracted:
    """Read a file; say which rows do not fit."""
    rows, bad = [], []
    for number, record in enumerate(csv.DictReader(io.StringIO(Path(path).read_text())), start=2):
        try:
            rows.append(Row(record["id"], int(record["amount"])))
        except (KeyError, ValueError) as error:
            bad.append(f"{path}:{number}: {error}")
    return Extracted(rows, bad)


@step
async def transform(found: Extracted) -> Extracted:
    return Extracted([Row(row.id.strip(), row.amount * 100) for row in found.rows], found.bad)


@asynccontextmanager
async def open_warehouse() -> AsyncGenerator[sqlite3.Connection, None]:
    connection = sqlite3.connect("warehouse.db", check_same_thread=False)
    connection.execute("create table if not exists sales (id text primary key, cents int)")
    yield connection
    connection.close()


@step(limit=Limit("warehouse", 1), retry=Retry(attempts=3, on=(sqlite3.OperationalError,)))
async def load(found: Extracted, ctx: StepContext) -> Extracted:
    """Upsert, so a file that is loaded again changes nothing."""
    warehouse = await ctx.resource("warehouse", sqlite3.Connection)
    values = [(row.id, row.amount) for row in found.rows]

    def write() -> None:
        with warehouse:
            warehouse.executemany("insert or replace into sales values (?, ?)", values)

    await trio.to_thread.run_sync(write)
    return found


one = Workflow("one", input=str, output=Extracted).then(extract).then(transform).then(load)


@step
async def report(results: list[Ok[Extracted] | Failed]) -> dict[str, object]:
    done = [each.value for each in results if isinstance(each, Ok)]
    return {
        "loaded": sum(len(each.rows) for each in done),
        "bad rows": [line for each in done for line in each.bad],
        "failed files": sorted(str(each.error) for each in results if isinstance(each, Failed)),
    }


etl = (
    Workflow("etl", input=list[str], output=dict[str, object])
    .foreach(one, concurrency=16, on_error="collect")
    .then(report)
)


async def main() -> None:
    await trio.Path("a.csv").write_text("id,amount\n a1,5\na2,seven\n")
    await trio.Path("b.csv").write_text("id,amount\nb1,9\n")
    async with open_engine(
        workflows=[etl],
        store="sqlite:runs.db",
        resources={"warehouse": open_warehouse},
        recover=True,
    ) as engine:
        for key, value in (await engine.run("etl", ["a.csv", "b.csv", "c.csv"])).items():
            print(f"{key}: {value}")


if __name__ == "__main__":
    trio.run(main)
