"""PostgreSQL: lost connections, a server that is not there, and what a password must not do."""

from __future__ import annotations

import os
import signal
import traceback
from collections.abc import Iterator
from typing import Any

import attrs
import psycopg
import pytest
import trio
from psycopg import sql
from trioflow_sql import SqlStore
from trioflow_sql.postgresql.urls import parse, shown

from trioflow.abc import Append, Entry, RunHeader
from trioflow.errors import StoreError

HEADER = RunHeader(run_id="a", workflow_id="w", created_at=1.0, format=1, fingerprint="{}")
BEGIN = Append(run_id="a", entries=(), after=-1, status="running", header=HEADER)
OURS = "SELECT pid FROM pg_stat_activity WHERE application_name = 'trioflow'"


def following(after: int) -> Append:
    entry = Entry(after + 1, 1.0, "{}")
    return Append(run_id="a", entries=(entry,), after=after, status="running")


# ---------------------------------------------------------------- URLs
@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://db.example/runs", "postgresql://db.example/runs"),
        ("postgres://me:secret@db.example:5433/runs", "postgresql://me@db.example:5433/runs"),
        ("postgresql://me:se%40cr%2Fet@h/runs", "postgresql://me@h/runs"),
        ("postgresql:///runs?host=/var/run/postgresql", "postgresql:///runs"),
        ("postgresql://h/runs?user=me&password=secret&sslmode=require", "postgresql://h/runs"),
        ("postgresql://me:secret@[::1]:5432/runs", "postgresql://me@[::1]:5432/runs"),
    ],
)
def test_a_url_is_shown_without_password_and_options(url: str, name: str) -> None:
    assert shown(parse(url)) == name
    assert repr(SqlStore(url)) == f"<SqlStore {name}>"


def test_all_of_a_url_is_used() -> None:
    url = parse("postgresql://me:p%3A%2F%25@h:5433/runs?sslmode=require&connect_timeout=3")

    assert (url.username, url.password, url.host, url.port) == ("me", "p:/%", "h", 5433)
    assert (url.database, dict(url.query)) == (
        "runs",
        {"sslmode": "require", "connect_timeout": "3"},
    )


def test_a_password_among_the_options_is_one() -> None:
    url = parse("postgresql://h/runs?password=secret&sslmode=require")

    assert (url.password, dict(url.query)) == ("secret", {"sslmode": "require"})


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:se@cret@h/runs",
        "postgresql://me:se@cr/et@h/runs",
        "postgresql://me:se@cr:et@h/runs",
        "postgresql://me:se@h?cr@et/runs",
        "postgresql:me:secret@h/runs",
        "postgresql://me:secret@h:port/runs",
        "postgres:",
    ],
)
def test_a_url_that_cannot_be_read_is_refused_without_showing_any_of_it(url: str) -> None:
    with pytest.raises(StoreError) as caught:
        SqlStore(url)

    told = "".join(traceback.format_exception(caught.value))
    assert caught.value.store in ("postgresql:", "postgres:")
    assert not any(part in told for part in ("cret", "cr/et", "cr:et", "et@h", "secret"))
    assert not caught.value.transient


# ---------------------------------------------------------------- no server
async def test_no_server_is_an_error_that_may_pass(tmp_path: Any) -> None:
    store = SqlStore(f"postgresql://me:secret@/runs?host={tmp_path}")

    with pytest.raises(StoreError, match="connection") as caught:
        await store.__aenter__()

    assert caught.value.transient
    assert caught.value.store == "postgresql://me@/runs"


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("open%2Fsesame", "wrong"), "password authentication failed"),
        (("trioflow:", "nobody:"), "password authentication failed"),
        (("/test_", "/no_test_"), "does not exist"),
    ],
    ids=["password", "user", "database"],
)
@pytest.mark.postgres
@pytest.mark.slow
async def test_a_server_that_refuses_is_an_error_that_stays(
    postgres_url: str, change: tuple[str, str], problem: str
) -> None:
    url = postgres_url.replace(*change)
    assert url != postgres_url

    with pytest.raises(StoreError, match=problem) as caught:
        await SqlStore(url).__aenter__()

    assert not caught.value.transient


@pytest.mark.postgres
@pytest.mark.slow
async def test_errors_of_a_server_do_not_show_the_password(postgres_url: str) -> None:
    password = "hunter2"
    urls = [
        postgres_url.replace("open%2Fsesame%3A%2540", password),
        postgres_url.replace("open%2Fsesame%3A%2540", password) + "&connect_timeout=never",
        postgres_url.replace("open%2Fsesame%3A%2540", password) + f"&nonsense={password}",
        f"postgresql://me:{password}@db.invalid/runs",
    ]
    for url in urls:
        with pytest.raises(StoreError) as caught:
            await SqlStore(url).__aenter__()
        for told in (caught.value, caught.value.__cause__, SqlStore(url)):
            assert password not in f"{told} {told!r}"
        assert password not in "".join(traceback.format_exception(caught.value))


# ---------------------------------------------------------------- connections that are lost
@pytest.fixture
def outside(server: Any, postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection of somebody else to the same database."""
    database = parse(postgres_url).database
    with server.connect(database) as connection:
        yield connection


def ours(outside: psycopg.Connection[Any]) -> list[int]:
    """Return the processes of the server that work for the store of this test."""
    query = f"{OURS} AND datname = current_database()"
    return [pid for (pid,) in outside.execute(query).fetchall()]


def terminate(outside: psycopg.Connection[Any]) -> int:
    """Close the connections of the store from the server's side; return how many."""
    pids = ours(outside)
    for pid in pids:
        outside.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    return len(pids)


def blocked(outside: psycopg.Connection[Any]) -> list[int]:
    """Return those of the processes that wait for a lock."""
    query = f"{OURS} AND datname = current_database() AND wait_event_type = 'Lock'"
    return [pid for (pid,) in outside.execute(query).fetchall()]


async def until_blocked(outside: psycopg.Connection[Any]) -> int:
    """Wait until one of the processes waits for a lock, and return it."""
    while True:
        for pid in blocked(outside):
            return pid
        await trio.sleep(0.01)


@pytest.mark.postgres
@pytest.mark.slow
async def test_a_connection_that_was_lost_in_between_is_replaced_without_a_word(
    postgres_url: str, outside: psycopg.Connection[Any]
) -> None:
    async with SqlStore(postgres_url) as store:
        assert await store.append([BEGIN]) == [None]
        for after in range(-1, 3):
            assert terminate(outside) >= 1
            owner = "me" if after >= 0 else None
            assert await store.append([attrs.evolve(following(after), owner=owner)]) == [None]
            assert terminate(outside) >= 1
            assert [entry.seq for entry in await store.read("a")] == [*range(after + 2)]
            assert terminate(outside) >= 1
            assert await store.claim("a", "me", 60)


@pytest.mark.postgres
@pytest.mark.slow
async def test_a_connection_that_is_lost_before_the_commit_is_replaced_without_a_word(
    postgres_url: str, server: Any, outside: psycopg.Connection[Any]
) -> None:
    async with SqlStore(postgres_url, patience=60) as store:
        await store.append([BEGIN])
        locker = server.connect(parse(postgres_url).database)
        locker.execute("BEGIN; SELECT 1 FROM trioflow_runs FOR UPDATE")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.append, [following(-1)])
            first = await until_blocked(outside)
            outside.execute("SELECT pg_terminate_backend(%s, 5000)", [first])
            assert await until_blocked(outside) != first
            locker.close()

        assert [entry.seq for entry in await store.read("a")] == [0]


@pytest.mark.postgres
@pytest.mark.slow
async def test_a_connection_that_is_lost_during_the_commit_is_an_error(
    postgres_url: str, outside: psycopg.Connection[Any]
) -> None:
    async with SqlStore(postgres_url) as store:
        await store.append([BEGIN])
        outside.execute("""
            CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS
              $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
            CREATE CONSTRAINT TRIGGER die AFTER INSERT ON trioflow_entries
              DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die();
        """)
        with pytest.raises(StoreError) as caught:
            await store.append([following(-1)])
        assert caught.value.transient

        outside.execute("DROP TRIGGER die ON trioflow_entries")
        assert await store.append([following(-1)]) == [None]


@pytest.mark.postgres
@pytest.mark.slow
async def test_statements_that_the_session_has_lost_are_prepared_again(postgres_url: str) -> None:
    async with SqlStore(postgres_url) as store:
        await store.append([BEGIN])
        assert await store.append([following(-1)]) == [None]
        appender: Any = store._database
        appender._appender._connection.execute("DISCARD ALL")
        assert await store.append([following(0)]) == [None]
        assert [entry.seq for entry in await store.read("a")] == [0, 1]


@pytest.mark.postgres
@pytest.mark.slow
async def test_a_server_that_crashes_is_an_error_that_passes(
    postgres_url: str, outside: psycopg.Connection[Any]
) -> None:
    async with SqlStore(postgres_url) as store:
        await store.append([BEGIN, following(-1)])
        os.kill(ours(outside)[0], signal.SIGKILL)  # the server then starts all over
        failures = 0
        while True:
            try:
                run = await store.get("a")
            except StoreError as error:
                assert error.transient, error
                failures += 1
                await trio.sleep(0.02)
            else:
                break

        assert run is not None
        assert run.last_seq == 0
        assert await store.append([following(0)]) == [None]


# ---------------------------------------------------------------- locks and settings
@pytest.mark.postgres
@pytest.mark.slow
async def test_a_locked_run_can_be_read_and_not_written(
    postgres_url: str, outside: psycopg.Connection[Any]
) -> None:
    async with SqlStore(postgres_url, patience=0.1) as store:
        await store.append([BEGIN])
        with outside.transaction():
            outside.execute("SELECT 1 FROM trioflow_runs FOR UPDATE")
            for write in (store.append([following(-1)]), store.claim("a", "me", 1.0)):
                with pytest.raises(StoreError, match="lock timeout") as caught:
                    await write
                assert caught.value.transient
            assert await store.get("a") is not None

        assert await store.append([following(-1)]) == [None]


@pytest.mark.postgres
@pytest.mark.slow
async def test_a_commit_is_durable_whatever_the_database_says(
    postgres_url: str, outside: psycopg.Connection[Any]
) -> None:
    database = sql.Identifier(str(parse(postgres_url).database))
    for setting in ("synchronous_commit = off", "default_transaction_isolation = serializable"):
        outside.execute(sql.SQL("ALTER DATABASE {} SET " + setting).format(database))

    async with SqlStore(postgres_url) as store:
        found = await store._access.write(
            lambda connection: [
                connection.exec_driver_sql(f"SHOW {name}").scalar_one()
                for name in ("synchronous_commit", "transaction_isolation", "lock_timeout")
            ]
        )

    assert found == ["on", "read committed", "5s"]


@pytest.mark.postgres
@pytest.mark.slow
async def test_a_database_that_cannot_hold_all_text_is_refused(
    server: Any, outside: psycopg.Connection[Any]
) -> None:
    outside.execute("CREATE DATABASE latin ENCODING latin1 LOCALE 'C' TEMPLATE template0")
    try:
        with pytest.raises(StoreError, match="LATIN1, which cannot store all strings") as caught:
            await SqlStore(server.url("latin")).__aenter__()
        assert not caught.value.transient
    finally:
        outside.execute("DROP DATABASE latin WITH (FORCE)")


@pytest.mark.postgres
@pytest.mark.slow
async def test_missing_permissions_are_an_error_that_stays(
    postgres_url: str, outside: psycopg.Connection[Any]
) -> None:
    async with SqlStore(postgres_url) as store:
        await store.append([BEGIN])
    outside.execute("CREATE ROLE reader LOGIN PASSWORD 'x'")
    try:
        outside.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader")
        url = postgres_url.replace("trioflow:open%2Fsesame%3A%2540@", "reader:x@")
        async with SqlStore(url) as store:
            assert await store.get("a") is not None
            with pytest.raises(StoreError, match="permission denied") as caught:
                await store.append([following(-1)])
        assert not caught.value.transient
    finally:
        outside.execute("DROP OWNED BY reader; DROP ROLE reader")


@pytest.mark.postgres
@pytest.mark.slow
async def test_tables_lie_where_the_search_path_says(
    postgres_url: str, outside: psycopg.Connection[Any]
) -> None:
    outside.execute("CREATE SCHEMA mine")
    async with SqlStore(f"{postgres_url}&options=-csearch_path%3Dmine") as store:
        await store.append([BEGIN])
    async with SqlStore(postgres_url) as store:
        assert await store.get("a") is None

    query = "SELECT schemaname FROM pg_tables WHERE tablename = 'trioflow_runs' ORDER BY 1"
    assert outside.execute(query).fetchall() == [("mine",), ("public",)]
