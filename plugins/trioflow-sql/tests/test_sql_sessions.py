"""Sessions of PostgreSQL by which owners live: cut, taken up again, and what is in between."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import trio
from trioflow_sql import SqlStore
from trioflow_sql.postgresql.pooler import check_direct
from trioflow_sql.postgresql.session import lock_key
from trioflow_sql.postgresql.urls import parse

from trioflow.abc import Append, Request, RunHeader
from trioflow.errors import StoreError

GRACE = 1.0
ESTABLISHED, KEEPALIVE = "01", "02"
"""How Linux writes the state of a connection, and what its timer is for."""
pytestmark = [pytest.mark.postgres, pytest.mark.slow]


def first(run_id: str) -> Append:
    header = RunHeader(run_id=run_id, workflow_id="w", created_at=1.0, format=1, fingerprint="{}")
    return Append(run_id=run_id, entries=(), after=-1, status="running", header=header)


@pytest.fixture
def grace_url(postgres_url: str) -> str:
    return f"{postgres_url}&reconnect_grace={GRACE}"


@pytest.fixture
def outside(server: Any, postgres_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection of somebody else to the same database."""
    with server.connect(parse(postgres_url).database) as connection:
        yield connection


def session_of(outside: psycopg.Connection[Any], owner: str) -> int | None:
    """Return which process of the server works for an owner that is open."""
    query = """
        SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1
          AND ((classid::bigint << 32) | objid::bigint) = %s
    """
    found = outside.execute(query, [lock_key(owner)]).fetchall()
    return found[0][0] if found else None


def cut(outside: psycopg.Connection[Any], owner: str) -> None:
    """End the session of an owner, as an administrator or a firewall does."""
    outside.execute("SELECT pg_terminate_backend(%s, 5000)", [session_of(outside, owner)])


async def until_there(outside: psycopg.Connection[Any], owner: str) -> None:
    """Wait until an owner has a session."""
    for _ in range(3000):
        if session_of(outside, owner) is not None:
            return
        await trio.sleep(0.01)
    raise AssertionError("it does not come back")


def keepalives(local: str, remote: str) -> list[float | None]:
    """Return in how many seconds the system asks over each TCP connection whether its other side is
    there; None if it does not, or waits for the answer to something else.

    Args:
      local: The port on this side, in hexadecimal digits; any if empty.
    """
    found = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, here, there, state, _, timer, *_ = line.split()
        if here.endswith(local) and there.endswith(remote) and state == ESTABLISHED:
            kind, ticks = timer.split(":")
            found.append(int(ticks, 16) / os.sysconf("SC_CLK_TCK") if kind == KEEPALIVE else None)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists the timers of connections")
async def test_both_sides_soon_notice_that_the_other_machine_is_gone(listening_server: Any) -> None:
    port = f":{listening_server.port:04X}"
    async with SqlStore(listening_server.url("postgres")) as store, store.open_owner("me"):
        await store.list_runs()

        for _ in range(500):
            ours, servers = keepalives("", port), keepalives(port, "")
            if None not in ours + servers:
                break
            await trio.sleep(0.01)  # until what was sent last is acknowledged

    # 15 and 3 times 5 seconds later a dead server is noticed; the server notices a dead owner in a
    # third of that, since its claims wait for it.
    assert len(ours) >= 2
    assert all(seconds is not None and seconds <= 15 for seconds in ours)
    assert any(seconds is not None and seconds <= 5 for seconds in servers)


async def test_a_connection_that_is_cut_is_no_dead_process(
    grace_url: str, outside: psycopg.Connection[Any], caplog: pytest.LogCaptureFixture
) -> None:
    async with SqlStore(grace_url) as store, SqlStore(grace_url) as other, store.open_owner("me"):
        await store.append([first("a")])
        await store.claim("a", "me", 600)
        for _ in range(3):
            cut(outside, "me")
            assert not await other.claim("a", "you", 60)
            await until_there(outside, "me")
        await trio.sleep(1.5 * GRACE)
        assert not await other.claim("a", "you", 60)
        run = await other.get("a")
        assert run is not None
        assert run.held_for > 500
    assert "reconnecting" in caplog.text


async def test_an_owner_hears_of_what_came_while_it_was_cut_off(
    grace_url: str, outside: psycopg.Connection[Any]
) -> None:
    async with SqlStore(grace_url) as store, SqlStore(grace_url) as other, store.open_owner("me"):
        await store.append([first("a")])
        await store.claim("a", "me", 600)
        await store.take_requests("me")
        cut(outside, "me")
        posted = await other.post_request(Request(run_id="a", kind="cancel", at=1.0))
        with trio.fail_after(30):
            await store.wait_requests("me")
        assert await store.take_requests("me") == [posted]


async def test_a_session_that_is_gone_for_good_is_that_of_a_dead_owner(
    grace_url: str, outside: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with SqlStore(grace_url) as store, SqlStore(grace_url) as other, store.open_owner("me"):
        await store.append([first("a"), first("b")])
        await store.claim("a", "me", 600)
        presence = store._attendance.listeners["me"].presence

        def fail() -> None:
            raise psycopg.OperationalError("no route to host")

        monkeypatch.setattr(presence, "_connect", fail)
        cut(outside, "me")
        began = trio.current_time()
        while not await other.claim("a", "you", 60):
            assert trio.current_time() < began + 30
            await trio.sleep(0.02)
        assert trio.current_time() - began < GRACE + 1
        # Nor does it judge others while it cannot show that it lives itself.
        async with other.open_owner("third"):
            await other.claim("b", "third", 600)
            assert not await store.claim("b", "me", 60)
        assert await store.renew("me", 60) == set()


async def test_a_server_that_was_away_does_not_make_owners_dead(own_server: Any) -> None:
    url = f"{own_server.url('postgres')}&reconnect_grace={GRACE}"
    async with SqlStore(url) as store, store.open_owner("me"):
        await store.append([first("a")])
        await store.claim("a", "me", 600)
        own_server.stop()
        await trio.sleep(2 * GRACE)
        own_server.start()
        async with SqlStore(url) as other:
            began = trio.current_time()
            while trio.current_time() < began + 3 * GRACE:
                assert not await other.claim("a", "you", 60)
                await trio.sleep(0.01)
        assert await store.renew("me", 600) == {"a"}


async def test_those_who_are_long_dead_are_forgotten(
    grace_url: str, outside: psycopg.Connection[Any]
) -> None:
    async with SqlStore(grace_url) as store:
        await store.append([first("a")])
        await store.claim("a", "dead", 600)
        for owner in ("dead", "nothing left"):
            outside.execute(
                "INSERT INTO trioflow_owners VALUES (%s, %s, 1, 1.0)", [owner, lock_key(owner)]
            )
        async with store.open_owner("me"):
            found = outside.execute("SELECT owner FROM trioflow_owners ORDER BY 1").fetchall()
    assert found == [("dead",), ("me",)]
    assert outside.execute("SELECT count(*) FROM trioflow_owners").fetchall() == [(1,)]


async def test_a_server_without_room_for_another_session_is_an_error(
    grace_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with SqlStore(grace_url) as store:

        def fail(**_: object) -> None:
            raise psycopg.errors.TooManyConnections("too many clients already")

        monkeypatch.setattr(store._database, "_connect", fail)
        with pytest.raises(StoreError, match="too many") as caught:
            async with store.open_owner("me"):
                raise AssertionError("it is open")
        assert caught.value.transient


# ---------------------------------------------------------------- poolers
class Pooled:
    """A connection to a pooler that gives each transaction to the next session of a list."""

    def __init__(self, sessions: list[int], step: int) -> None:
        self._sessions, self._step = sessions, step
        self.info = self
        self.backend_pid = 4711  # what a pooler says about itself

    def execute(self, _: str) -> Pooled:
        return self

    def fetchall(self) -> list[tuple[int]]:
        return [(self._sessions[0],)]

    def rollback(self) -> None:
        for _ in range(self._step):
            self._sessions.append(self._sessions.pop(0))

    def __enter__(self) -> Pooled:
        return self

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("step", [0, 1])
def test_a_pooler_in_transaction_mode_is_refused(step: int) -> None:
    sessions = [1, 2, 3]
    connection: Any = Pooled(sessions, step)

    with pytest.raises(StoreError, match=r"pooler in transaction mode.*directly") as caught:
        check_direct("postgresql://h/d", connection, lambda: Pooled(sessions, step))

    assert not caught.value.transient


def test_a_pooler_in_session_mode_is_as_good_as_none() -> None:
    connection: Any = Pooled([1], 0)

    check_direct("postgresql://h/d", connection, lambda: Pooled([2], 0))


@pytest.mark.parametrize("pooled_url", ["transaction"], indirect=True)
async def test_pgbouncer_in_transaction_mode_is_refused(pooled_url: str) -> None:
    with pytest.raises(StoreError, match="pooler in transaction mode"):
        await SqlStore(pooled_url).__aenter__()


@pytest.mark.parametrize("pooled_url", ["session"], indirect=True)
async def test_pgbouncer_in_session_mode_is_as_good_as_none(pooled_url: str) -> None:
    async with SqlStore(pooled_url) as store, store.open_owner("me"):
        await store.append([first("a")])
        assert await store.claim("a", "me", 60)


# ---------------------------------------------------------------- URLs
def test_the_grace_is_an_option_of_the_url() -> None:
    url = "postgresql://h/d?reconnect_grace=0.5&sslmode=require"
    database: Any = SqlStore(url, reconnect_grace=7.0)._database

    assert database._grace == 0.5
    assert dict(database._url.query) == {"sslmode": "require"}
    other: Any = SqlStore("postgresql://h/d", reconnect_grace=7.0)._database
    assert other._grace == 7.0


@pytest.mark.parametrize("said", ["no", "0", "-1", "inf", "nan"])
def test_a_grace_that_is_no_time_is_refused(said: str) -> None:
    with pytest.raises(StoreError, match="number of seconds above 0"):
        SqlStore(f"postgresql://h/d?reconnect_grace={said}")
