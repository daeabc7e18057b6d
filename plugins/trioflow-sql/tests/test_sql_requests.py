"""Requests: how fast they arrive, what waiting costs, and many that are posted at once."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from trioflow_sql import SqlStore
from trioflow_sql.sqlite.presence import FilePresence

from trioflow.abc import Append, Request, RunHeader
from trioflow.errors import RequestRefusedError, StoreError

HEADER = RunHeader(run_id="a", workflow_id="w", created_at=1.0, format=1, fingerprint="{}")
BEGIN = Append(
    run_id="a",
    entries=(),
    after=-1,
    status="running",
    header=HEADER,
    owner="me",
    claim_seconds=600.0,
)
REQUEST = Request(run_id="a", kind="event", payload='{"n":1}', by="Ada", at=1.0)
PROMISED = 0.2
"""Seconds in which an owner hears of a request on SQLite. PostgreSQL rings at once."""


async def test_a_request_arrives_in_time(url: str) -> None:
    async with SqlStore(url) as store, SqlStore(url) as other, store.open_owner("me"):
        await store.append([BEGIN])
        quickest = math.inf
        for _ in range(10):  # the machine may be busy with something else
            await store.take_requests("me")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(store.wait_requests, "me")
                await trio.sleep(0.05)
                posted = await other.post_request(REQUEST)
                began = trio.current_time()
            quickest = min(quickest, trio.current_time() - began)
            [taken] = await store.take_requests("me")
            assert taken == posted
            await store.append([attrs.evolve(ONLY_TAKEN, requests=(taken.id,))])
    assert quickest < PROMISED


ONLY_TAKEN = Append(run_id="a", entries=(), after=-1, status="running", owner="me")


async def test_posting_in_the_same_process_wakes_at_once(url: str) -> None:
    async with SqlStore(url) as store, store.open_owner("me"):
        await store.append([BEGIN])
        await store.take_requests("me")
        store._attendance.listeners["me"].presence.poll = math.inf  # nobody looks
        async with trio.open_nursery() as nursery:
            nursery.start_soon(store.wait_requests, "me")
            await trio.sleep(0.05)
            await store.post_request(REQUEST)


async def test_waiting_for_nothing_asks_for_changes_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    ask = FilePresence._ask

    def note(self: FilePresence, statement: str, *values: object) -> int:
        asked.append(statement)
        return ask(self, statement, *values)

    monkeypatch.setattr(FilePresence, "_ask", note)
    async with SqlStore(f"sqlite:{tmp_path / 'runs.db'}") as store, store.open_owner("me"):
        await store.append([BEGIN])
        await store.take_requests("me")
        with trio.move_on_after(0.35):
            await store.wait_requests("me")  # finds out that somebody has written
        asked.clear()

        with trio.move_on_after(0.55):
            await store.wait_requests("me")

    assert set(asked) == {"PRAGMA data_version"}
    assert len(asked) <= 6


async def test_many_at_once_are_taken_in_order_and_none_is_lost(url: str) -> None:
    number = 60
    posted: list[Request] = []
    taken: list[Request] = []

    async def post(poster: SqlStore, index: int) -> None:
        posted.append(await poster.post_request(attrs.evolve(REQUEST, payload=str(index))))

    async def take(store: SqlStore) -> None:
        while len(taken) < number:
            await store.wait_requests("me")
            found = await store.take_requests("me", limit=7)
            taken.extend(found)
            ids = tuple(request.id for request in found)
            assert await store.append([attrs.evolve(ONLY_TAKEN, requests=ids)]) == [None]

    async with SqlStore(url) as store, SqlStore(url) as one, SqlStore(url) as two:
        await store.append([BEGIN])
        async with store.open_owner("me"):
            with trio.fail_after(60):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(take, store)
                    for index in range(number):
                        nursery.start_soon(post, (one, two)[index % 2], index)
        assert await store.take_requests("me") == []

    assert [request.id for request in taken] == sorted(request.id for request in posted)
    assert {request.payload for request in taken} == {str(index) for index in range(number)}


@pytest.mark.parametrize("fields", [{"payload": "a\0"}, {"by": "\ud800"}])
async def test_what_no_database_can_hold_is_refused(url: str, fields: dict[str, Any]) -> None:
    async with SqlStore(url) as store:
        await store.append([BEGIN])
        with pytest.raises(RequestRefusedError, match="NUL or a lone surrogate"):
            await store.post_request(attrs.evolve(REQUEST, **fields))
        assert await store.take_requests("me") == []


async def test_only_one_block_opens_an_owner(url: str) -> None:
    async with SqlStore(url) as store, store.open_owner("me"):
        with pytest.raises(StoreError, match="'me' is already open"):
            async with store.open_owner("me"):
                raise AssertionError("it is open")
        with pytest.raises(StoreError, match="has a NUL or a lone surrogate"):
            async with store.open_owner("\ud800"):
                raise AssertionError("it is open")
