"""The schema: how it comes to be, how it changes, and what is refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import DBAPIError
from trioflow_sql import SqlStore
from trioflow_sql.database import transact
from trioflow_sql.migrations import MIGRATIONS, Migration, migrate
from trioflow_sql.opening import connect, database_for
from trioflow_sql.tables import metadata

from trioflow.abc import Append, Entry, Request, RunHeader, StoredSchedule, TickRecord
from trioflow.errors import StoreError

SAMPLE = Path(__file__).parent / "data" / "version-1.sql"
"""What a file of the first version holds. Never changed, because such files exist."""

HEADER = RunHeader(run_id="a", workflow_id="w", created_at=1.0, format=1, fingerprint="{}")
BEGIN = Append(
    run_id="a", entries=(Entry(0, 1.0, "{}"),), after=-1, status="running", header=HEADER
)
LATER: Sequence[Migration] = (
    *MIGRATIONS,
    ["ALTER TABLE trioflow_runs ADD COLUMN mood {text}"],
    ["UPDATE trioflow_runs SET mood = 'good'", "CREATE INDEX moods ON trioflow_runs (mood)"],
)

TOO_NEW = rf"version {len(LATER)}, .* supports up to {len(MIGRATIONS)}"


def migrated(url: str, migrations: Sequence[Migration]) -> None:
    """Bring a database to another version."""
    database = database_for(url, 5.0, 3.0)
    opened = connect(database)
    try:
        migrate(database, opened.reader, opened.writer, migrations)
    finally:
        opened.close()


def read(url: str, statement: str) -> list[tuple[object, ...]]:
    """Return the rows of a query."""
    database = database_for(url, 5.0, 3.0)
    engine, _ = database.make_engines()

    def work(connection: Connection) -> list[tuple[object, ...]]:
        return [tuple(row) for row in connection.exec_driver_sql(statement)]

    try:
        return transact(engine, work)
    finally:
        engine.dispose()


def test_the_tables_are_what_the_statements_expect(url: str) -> None:
    database = database_for(url, 5.0, 3.0)
    opened = connect(database)
    try:
        with opened.reader.connect() as connection:
            found = inspect(connection)
            for table in metadata.sorted_tables:
                columns = {column["name"]: column for column in found.get_columns(table.name)}
                assert list(columns) == [column.name for column in table.columns]
                for column in table.columns:
                    assert columns[column.name]["nullable"] == column.nullable
                key = found.get_pk_constraint(table.name)["constrained_columns"]
                assert key == [column.name for column in table.primary_key]
    finally:
        opened.close()


async def test_opening_again_writes_nothing(url: str) -> None:
    async with SqlStore(url) as store:
        await store.append([BEGIN])

    migrated(url, MIGRATIONS)

    assert read(url, "SELECT version FROM trioflow_schema") == [(len(MIGRATIONS),)]
    async with SqlStore(url) as store:
        assert await store.get("a") is not None


def test_an_older_database_is_brought_up_to_date_with_all_that_is_in_it(url: str) -> None:
    async def fill() -> None:
        async with SqlStore(url) as store:
            await store.append([BEGIN])

    trio.run(fill)

    migrated(url, LATER)

    assert read(url, "SELECT version FROM trioflow_schema") == [(len(LATER),)]
    assert read(url, "SELECT run_id, mood FROM trioflow_runs") == [("a", "good")]


def test_a_migration_that_fails_leaves_the_old_version(url: str) -> None:
    migrated(url, MIGRATIONS)

    with pytest.raises(DBAPIError):
        migrated(url, [*LATER, ["SELECT nonsense FROM nowhere"]])

    assert read(url, "SELECT version FROM trioflow_schema") == [(len(MIGRATIONS),)]
    with pytest.raises(DBAPIError, match="mood"):
        read(url, "SELECT mood FROM trioflow_runs")
    migrated(url, LATER)


def test_a_database_of_a_later_version_is_refused_and_left_alone(url: str) -> None:
    migrated(url, LATER)

    async def use() -> None:
        with pytest.raises(StoreError, match=f"version {len(LATER)}.*upgrade") as caught:
            await SqlStore(url).__aenter__()
        assert not caught.value.transient

    trio.run(use)
    assert read(url, "SELECT version FROM trioflow_schema") == [(len(LATER),)]


async def test_a_process_of_an_earlier_version_stops_writing_when_the_schema_changes(
    url: str,
) -> None:
    following = Append(run_id="a", entries=(Entry(1, 1.0, "{}"),), after=0, status="running")
    async with SqlStore(url) as store, store.open_owner("me"):
        await store.append([BEGIN])
        await trio.to_thread.run_sync(migrated, url, LATER)

        calls: list[Callable[[], Awaitable[object]]] = [
            lambda: store.append([following]),
            lambda: store.claim("a", "me", 60),
            lambda: store.post_request(Request(run_id="a", kind="cancel", at=1.0)),
            lambda: store.delete("a"),
            lambda: store.claim_next(
                "me", 60, workflows={"w": "{}"}, queues=["default"], now=1.0, limit=1
            ),
        ]
        for call in calls:
            with pytest.raises(StoreError, match=TOO_NEW) as caught:
                await call()
            assert not caught.value.transient
        assert [entry.seq for entry in await store.read("a")] == [0]
    assert read(url, "SELECT run_id, mood FROM trioflow_runs") == [("a", "good")]


async def test_a_schema_that_changes_waits_for_writers_and_they_for_it(url: str) -> None:
    results: list[object] = []
    enough = trio.Event()

    async def write(store: SqlStore) -> None:
        for seq in count():
            entry = Entry(seq, 1.0, "{}")
            append = Append(run_id="b", entries=(entry,), after=seq - 1, status="running")
            try:
                results.append(await store.append([append]))
                if seq == 5:
                    enough.set()
            except StoreError as error:
                results.append(error)
                return

    header = attrs.evolve(HEADER, run_id="b")
    begin = Append(run_id="b", entries=(), after=-1, status="running", header=header)
    async with SqlStore(url) as store:
        await store.append([begin])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(write, store)
            await enough.wait()
            await trio.to_thread.run_sync(migrated, url, LATER)

    *done, last = results
    assert all(result == [None] for result in done)
    assert isinstance(last, StoreError)
    assert "upgrade" in str(last)
    assert read(url, "SELECT count(*) FROM trioflow_entries") == [(len(done),)]


def test_several_may_open_a_new_database_at_once(url: str) -> None:
    async def open_and_append(number: int) -> None:
        header = RunHeader(
            run_id=str(number), workflow_id="w", created_at=1.0, format=1, fingerprint="{}"
        )
        append = Append(run_id=str(number), entries=(), after=-1, status="running", header=header)
        async with SqlStore(url) as store:
            assert await store.append([append]) == [None]

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            for number in range(8):
                nursery.start_soon(open_and_append, number)

    trio.run(main)

    assert read(url, "SELECT count(*) FROM trioflow_runs") == [(8,)]


def test_a_file_of_the_first_version_can_be_read_for_ever(tmp_path: Path) -> None:
    file = tmp_path / "runs.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(SAMPLE.read_text("utf-8"))

    async def use() -> None:
        async with SqlStore(f"sqlite:{file}") as store:
            runs = await store.list_runs()
            assert [run.header.run_id for run in runs] == ["run-2", "run-1"]
            assert [run.status for run in runs] == ["suspended", "success"]
            assert (runs[0].owner, runs[0].held_for) == ("host:1", 0.0)  # of another start
            assert runs[0].header.resource_id == "user 7"
            assert {(run.header.queue, run.header.priority) for run in runs} == {("default", 0)}
            assert runs[0].header.tags == ("nightly", "grüße")
            assert runs[0].header.input == '{"city":"Oslo"}'
            assert runs[0].due_at == 1767229200.0
            assert await store.list_runs(tags=["grüße"]) == [runs[0]]
            [request] = await store.take_requests("host:1")
            assert (request.id, request.kind, request.by) == (2, "resume", "Ada")
            assert [entry.seq for entry in await store.read("run-1")] == [0, 1, 5]
            assert [entry.text for entry in await store.read("run-2")] == ['{"grüße": "☃"}']
            following = Append(
                run_id="run-2",
                entries=(Entry(9, 2e9, "{}"),),
                after=3,
                status="failed",
                owner="host:1",
            )
            assert await store.append([following]) == [None]
            assert await store.list_schedules() == []
            schedule = StoredSchedule(
                id="s", workflow_id="w", rule="{}", options="{}", watermark=1.0, since=1.0
            )
            assert await store.put_schedule(schedule, if_version=None)
            [stored] = await store.list_schedules()
            tick = TickRecord(schedule="s", at=2.0, decision="decided", decided_at=2.0)
            given: Any = {"version": stored.version, "after": 1.0, "to": 2.0}
            assert await store.advance("s", ticks=[tick], **given)
            header = attrs.evolve(HEADER, run_id="s@2")
            start = attrs.evolve(BEGIN, run_id="s@2", header=header, tick=("s", 2.0))
            assert await store.append([start]) == [None]
            assert [each.decision for each in await store.list_ticks("s")] == ["started"]

    trio.run(use)
