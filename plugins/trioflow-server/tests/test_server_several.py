"""Several servers, each in a process of its own, on one database."""

from __future__ import annotations

import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest
import trio

from .databases import Opens, postgresql, sqlite
from .processes import Served, open_process
from .reading import Sent, sse_in
from .sockets import open_raw

pytestmark = pytest.mark.slow
DATABASES = [
    pytest.param(sqlite, id="sqlite"),
    pytest.param(postgresql, id="postgresql", marks=pytest.mark.postgres),
]


@attrs.define
class Peer:
    """A server and its client."""

    served: Served
    client: httpx.AsyncClient

    async def post(self, path: str, body: Any = None) -> Any:
        """Send something that succeeds; return the answer."""
        answer = await self.client.post(f"/api/workflows/{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    async def start(self, workflow: str, run_id: str, given: Any) -> None:
        """Start a run."""
        await self.post(f"{workflow}/runs", {"inputData": given, "runId": run_id})

    async def status(self, workflow: str, run_id: str) -> str:
        """Return the status of a run."""
        answer = await self.client.get(f"/api/workflows/{workflow}/runs/{run_id}?fields=result")
        return str(answer.json()["status"])

    async def follow(self, run: str, after: int = -1, until: str = "") -> list[Sent]:
        """Return the events of a run up to its end, or to the first of a type."""
        async with open_raw(self.served.url) as raw:
            await raw.request("GET", f"/api/workflows/{run}/events?after={after}")
            if not until:
                return list(sse_in(await raw.until(b"\r\n0\r\n\r\n")))
            before = await raw.until(b"\nevent: %s\n" % until.encode())
            return list(sse_in(before + await raw.until(b"\n\n")))


@asynccontextmanager
async def open_peer(store: str) -> AsyncGenerator[Peer, None]:
    """Run a server while the block runs."""
    async with (
        open_process("--grace", "0.2", store=store) as served,
        httpx.AsyncClient(base_url=served.url, timeout=60) as client,
    ):
        yield Peer(served, client)


def check_whole(events: list[Sent], after: int = -1) -> None:
    """Check that no event is missing, and none is there twice."""
    assert [sent.id for sent in events] == list(range(after + 1, after + 1 + len(events)))


async def answer_elsewhere(one: Peer, other: Peer) -> None:
    """A run that one server drives is followed and answered through another."""
    await one.start("approve", "asked", {"amount": 5})
    seen = await other.follow("approve/runs/asked", until="step-suspended")
    check_whole(seen)
    await other.post("approve/runs/asked/resume", {"data": {"approved": True}, "label": "boss"})
    for peer in (one, other):
        events = await peer.follow("approve/runs/asked")
        check_whole(events)
        assert events[-1].data["payload"]["workflowStatus"] == "success"
        assert await peer.status("approve", "asked") == "success"


async def cancel_elsewhere(one: Peer, other: Peer) -> None:
    """A run that one server drives is canceled through another, and ends there."""
    await one.start("slow", "endless", 1)
    async with trio.open_nursery() as nursery:
        ends: list[list[Sent]] = []

        async def follow(peer: Peer) -> None:
            ends.append(await peer.follow("slow/runs/endless"))

        for peer in (one, other):
            nursery.start_soon(follow, peer)
        await other.post("slow/runs/endless/cancel")
    for events in ends:
        check_whole(events)
        assert events[-1].data["payload"]["workflowStatus"] == "canceled"


async def hear_elsewhere(one: Peer, other: Peer) -> None:
    """Chunks and events pass between the servers while the run goes on."""
    await one.start("told", "talker", 3)
    seen = await other.follow("told/runs/talker", until="step-waiting")
    check_whole(seen)
    lines = [sent.data["payload"]["output"] for sent in seen if sent.event == "step-output"]
    assert lines == [{"line": 0}, {"line": 1}, {"line": 2}]
    await other.post("told/runs/talker/events/parcel", "a book")
    last = seen[-1].id
    assert last is not None
    rest = await other.follow("told/runs/talker", after=last)
    check_whole(rest, after=last)
    assert {"line": "a book"} in [sent.data["payload"].get("output") for sent in rest]


async def survive(one: Peer, other: Peer) -> None:
    """The runs of a server that is killed are continued by another, before its readers."""
    await one.start("told", "orphan", 2)
    events: list[Sent] = []
    async with trio.open_nursery() as nursery:

        async def follow() -> None:
            events.extend(await other.follow("told/runs/orphan"))

        nursery.start_soon(follow)
        await one.follow("told/runs/orphan", until="step-waiting")
        assert await one.served.end(signal.SIGKILL) == -signal.SIGKILL
        await other.post("told/runs/orphan/events/parcel", "a lamp")
    check_whole(events)
    assert "recover" in [sent.event for sent in events]
    assert events[-1].data["payload"]["workflowStatus"] == "success"
    assert await other.status("told", "orphan") == "success"


@pytest.mark.parametrize("database", DATABASES)
async def test_servers_in_several_processes_are_as_one(database: Opens, tmp_path: Path) -> None:
    with database(tmp_path) as store, trio.fail_after(240):
        async with open_peer(store) as one, open_peer(store) as other:
            await answer_elsewhere(one, other)
            await cancel_elsewhere(one, other)
            await hear_elsewhere(one, other)
            await survive(one, other)
