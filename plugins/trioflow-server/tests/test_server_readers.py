"""A reader never hurts a run: not a slow one, not a thousand, not one that leaves."""

from __future__ import annotations

import gc
import re

import attrs
import pytest
import trio
from trioflow_server import Limits

from .serving import OPEN, Bench, eventually, open_bench
from .sockets import Raw, open_raw

CHUNKS = 5_000


def ids_in(text: bytes) -> list[int]:
    return [int(found) for found in re.findall(rb"^id: (\d+)\r?$", text, re.MULTILINE)]


async def begin(bench: Bench, workflow: str, number: int) -> str:
    answer = await bench.post(f"/api/workflows/{workflow}/runs", {"inputData": number})
    assert answer.status_code == 201
    run_id: str = answer.json()["runId"]
    return f"/api/workflows/{workflow}/runs/{run_id}"


async def test_a_client_that_does_not_read_holds_nothing_up_and_misses_nothing() -> None:
    async with open_bench() as bench, open_raw(bench.server.url) as slow:
        path = await begin(bench, "chatty", CHUNKS)
        await slow.request("GET", f"{path}/events")
        run_id = path.rpartition("/")[2]
        with trio.fail_after(60):
            result = await bench.engine.get_run(run_id).wait()
        assert result.status == "success"
        with trio.fail_after(60):
            text = await slow.until(b"event: finish")

    assert ids_in(text) == list(range(CHUNKS + 5))
    assert b"event: gap" not in text


async def test_a_client_that_leaves_a_quiet_stream_is_noticed_at_once() -> None:
    async with open_bench() as bench:
        path = await begin(bench, "slow", 1)
        for request in (("GET", f"{path}/events"), ("POST", "observe")):
            async with open_raw(bench.server.url) as raw:
                method, target = request
                if target == "observe":
                    run_id = path.rpartition("/")[2]
                    target = f"/api/workflows/slow/observe?runId={run_id}"
                await raw.request(method, target)
                await raw.until(b"step-start")
                assert bench.app.service.streams.count == 1
            with trio.fail_after(2):  # far below the next sign of life
                await bench.app.service.streams.wait_closed()


async def test_a_client_that_leaves_does_not_stop_what_it_started() -> None:
    async with open_bench() as bench:
        async with open_raw(bench.server.url) as raw:
            body = {"inputData": 1}
            await raw.request("POST", "/api/workflows/slow/stream?runId=r", body)
            await raw.until(b"workflow-step-start")
        with trio.fail_after(2):
            await bench.app.service.streams.wait_closed()

        assert bench.engine.get_run("r").status == "running"


async def follow(bench: Bench, path: str, found: list[list[int]], ready: trio.Event) -> None:
    async with open_raw(bench.server.url) as raw:
        await raw.request("GET", f"{path}/events")
        head = await raw.until(b"event: step-start")
        ready.set()
        found.append(ids_in(head + await raw.until(b"event: finish")))


@pytest.mark.slow
async def test_a_thousand_clients_see_one_run_exactly() -> None:
    limits = Limits(connections=3_000, streams_per_client=3_000)
    found: list[list[int]] = []
    async with open_bench(attrs.evolve(OPEN, limits=limits)) as bench:
        path = await begin(bench, "parcel", 1)
        async with trio.open_nursery() as nursery:
            events = [trio.Event() for _ in range(1_000)]
            for ready in events:
                nursery.start_soon(follow, bench, path, found, ready)
            with trio.fail_after(120):
                for ready in events:
                    await ready.wait()
            assert bench.app.service.streams.count == 1_000
            assert (await bench.post(f"{path}/events/parcel", "a book")).status_code == 202

    assert len(found) == 1_000
    assert {tuple(ids) for ids in found} == {tuple(range(len(found[0])))}


LAZY = ("CancelScope", "CancelReason", "tuple")
"""What Trio's heap of deadlines holds for a while, up to a thousand of each."""


def count_objects() -> int:
    gc.collect()
    return sum(type(each).__name__ not in LAZY for each in gc.get_objects())


@pytest.mark.slow
async def test_streams_leave_no_memory_behind() -> None:
    async with open_bench() as bench:
        path = await begin(bench, "slow", 1)

        async def round_trip() -> None:
            async with open_raw(bench.server.url) as raw:
                await raw.request("GET", f"{path}/events")
                await raw.until(b"step-start")

        counts = []
        for _ in range(4):
            for _ in range(60):
                await round_trip()
            with trio.fail_after(5):
                await bench.app.service.streams.wait_closed()
            counts.append(count_objects())

    assert counts[-1] - counts[1] < 120  # for as many streams


async def test_a_half_closed_socket_still_starts_what_it_asked_for() -> None:
    async with open_bench() as bench:
        async with open_raw(bench.server.url) as raw:
            await raw.request("POST", "/api/workflows/slow/runs?runId=r", {"inputData": 1})
            await raw.stream.send_eof()
            await raw.rest()

        with trio.fail_after(5):
            while not await bench.engine.list_runs():
                await trio.lowlevel.checkpoint()
        assert [info.run_id for info in await bench.engine.list_runs()] == ["r"]


async def test_a_half_closed_stream_is_a_client_that_has_left() -> None:
    async with open_bench() as bench:
        path = await begin(bench, "slow", 1)
        async with open_raw(bench.server.url) as raw:
            await raw.request("GET", f"{path}/events")
            await raw.until(b"step-start")
            await raw.stream.send_eof()
            with trio.fail_after(2):
                await bench.app.service.streams.wait_closed()


async def test_closing_ends_streams_with_a_last_comment() -> None:
    async with open_bench() as bench:
        path = await begin(bench, "slow", 1)

        async def last_of(raw: Raw) -> bytes:
            with trio.fail_after(10):
                return await raw.rest()

        async with (
            open_raw(bench.server.url) as sse,
            open_raw(bench.server.url) as lines,
            open_raw(bench.server.url) as waiting,
        ):
            await sse.request("GET", f"{path}/events")
            await lines.request("GET", f"{path}/events", None, {"accept": "application/x-ndjson"})
            start = {"inputData": 1}
            await waiting.request("POST", "/api/workflows/slow/start-async?runId=w", start)
            for raw in (sse, lines):
                await raw.until(b"step-start")

            async def is_waited_for() -> bool:
                running = await bench.engine.list_runs(status="running")
                return "w" in [info.run_id for info in running]

            await eventually(is_waited_for)
            bench.server.stop()
            ends = [await last_of(raw) for raw in (sse, lines, waiting)]

    assert b": the server is closing\n\n" in ends[0]
    assert b'{"type":"closing"}\n' in ends[1]
    assert ends[2].startswith(b"HTTP/1.1 503")
