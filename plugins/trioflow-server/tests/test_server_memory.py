"""The memory of a server stays flat, whatever clients do."""

from __future__ import annotations

import contextlib
import os
import random
from pathlib import Path

import httpx
import pytest
import trio

from .processes import Served, open_process
from .sockets import open_raw

pytestmark = pytest.mark.slow
ROUNDS, EACH = 5, 80
SLACK = 6_000_000
"""Bytes that the last rounds together may add: a tenth of a server's memory."""


def resident(served: Served) -> int:
    """Return the bytes of memory that a server has."""
    pages = int(Path(f"/proc/{served.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def drop(served: Served, seed: int) -> None:
    """Connect, send something wrong or nothing, and leave."""
    with contextlib.suppress(OSError, trio.BrokenResourceError):
        async with open_raw(served.url) as raw:
            await raw.send(random.Random(seed).randbytes(seed % 4 * 500))


async def peek(served: Served, method: str, path: str) -> None:
    """Open a stream, and leave in the middle of it."""
    async with open_raw(served.url) as raw:
        await raw.request(method, path)
        await raw.until(b"step-start")


async def misuse(client: httpx.AsyncClient, number: int) -> None:
    """Send what is refused."""
    body = "[" * 50_000 if number % 2 else '{"inputData": "%s"}' % ("x" * 50_000)
    headers = {"content-type": "application/json", "idempotency-key": f"k{number}"}
    path = "/api/workflows/doubled/runs"
    assert (await client.post(path, content=body, headers=headers)).status_code == 400


async def trouble(served: Served, client: httpx.AsyncClient, turn: int) -> None:
    """Do all of it many times, some at once."""
    limiter = trio.CapacityLimiter(20)

    async def one(number: int) -> None:
        async with limiter:
            await drop(served, number)
            await misuse(client, number)
            await peek(served, "GET", "/api/workflows/slow/runs/r/events")
            await peek(served, "POST", "/api/workflows/slow/observe?runId=r")

    async with trio.open_nursery() as nursery:
        for number in range(EACH):
            nursery.start_soon(one, turn * EACH + number)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
async def test_trouble_leaves_no_memory_behind() -> None:
    async with (
        open_process() as served,
        httpx.AsyncClient(base_url=served.url, timeout=60) as client,
    ):
        await client.post("/api/workflows/slow/runs", json={"inputData": 1, "runId": "r"})
        sizes = []
        for turn in range(ROUNDS):
            await trouble(served, client, turn)
            sizes.append(resident(served))
        record = await client.get("/api/workflows/slow/runs/r")

    assert record.json()["status"] == "running"
    assert sizes[-1] - sizes[1] < SLACK, sizes
