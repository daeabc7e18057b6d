"""What strangers may send, and that it harms nobody."""

from __future__ import annotations

import gc
from typing import Any

import attrs
import pytest
import trio
from trio.testing import wait_all_tasks_blocked
from trioflow_server import Limits

from .serving import OPEN, Bench, open_bench
from .sockets import open_raw

TIGHT = attrs.evolve(
    OPEN,
    limits=Limits(
        body_bytes=10_000,
        header_bytes=4_096,
        connections=20,
        request_seconds=0.3,
        head_seconds=0.3,
    ),
)
HEAD = b"POST /api/workflows/doubled/runs HTTP/1.1\r\nhost: 127.0.0.1\r\n"
JSON = HEAD + b"content-type: application/json\r\n"


async def works(bench: Bench) -> bool:
    """Return whether the server still starts runs, and has no connections but its client's."""
    answer = await bench.post("/api/workflows/doubled/start-async", {"inputData": 4})
    return answer.status_code == 200 and bool(answer.json()["result"] == 8)


async def send_slowly(url: str, pieces: list[bytes]) -> bytes:
    async with open_raw(url) as raw:
        with trio.fail_after(10):
            for piece in pieces:
                try:
                    await raw.send(piece)
                except trio.BrokenResourceError:
                    break
                await trio.sleep(0.05)
            return await raw.rest()


async def test_a_head_that_comes_slowly_is_not_waited_for() -> None:
    async with open_bench(TIGHT) as bench:
        rest = await send_slowly(bench.server.url, [b"G", b"E", b"T", b" /", *[b"a"] * 30])

        assert rest == b""
        assert await works(bench)


async def test_a_body_that_comes_slowly_is_not_waited_for() -> None:
    async with open_bench(TIGHT) as bench:
        head = JSON + b"content-length: 100\r\n\r\n"
        rest = await send_slowly(bench.server.url, [head, *[b" "] * 30])

        assert rest.startswith(b"HTTP/1.1 408 ")
        assert b"connection: close" in rest
        assert await works(bench)


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_that_is_too_large_is_refused_while_it_comes(chunked: bool) -> None:
    async with open_bench(TIGHT) as bench, open_raw(bench.server.url) as raw:
        if chunked:
            await raw.send(JSON + b"transfer-encoding: chunked\r\n\r\n")
            pieces = [b"1000\r\n" + b" " * 0x1000 + b"\r\n"] * 1_000
        else:
            await raw.send(JSON + b"content-length: 100000000\r\n\r\n")
            pieces = [b" " * 0x1000] * 1_000
        with trio.fail_after(20):
            try:
                for piece in pieces:
                    await raw.send(piece)
            except trio.BrokenResourceError:
                pass
            rest = await raw.rest()

        assert rest.startswith(b"HTTP/1.1 413 ") or rest == b""  # if the reset was faster
        assert await works(bench)


@pytest.mark.parametrize("path", [b"doubled/runs", b"doubled/create-run"])
@pytest.mark.parametrize(
    "body",
    [
        b"content-length: 100\r\n\r\n",
        b'content-length: 100\r\n\r\n{"inputData": 2}',
        b"transfer-encoding: chunked\r\n\r\n",
        b'transfer-encoding: chunked\r\n\r\n10\r\n{"inputData": 2}\r\n',
    ],
)
async def test_the_beginning_of_a_body_is_no_request(path: bytes, body: bytes) -> None:
    async with open_bench() as bench, open_raw(bench.server.url) as raw:
        await raw.send(JSON.replace(b"doubled/runs", path) + body)
        await raw.stream.send_eof()
        with trio.fail_after(20):
            await raw.rest()
        await wait_all_tasks_blocked()
        runs = await bench.engine.list_runs()

        assert runs == ()
        assert await works(bench)


GARBAGE = [
    b"\x00\x01\x02\x03\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    JSON + b"transfer-encoding: chunked\r\n\r\nzz\r\nhello",
    JSON + b"transfer-encoding: chunked\r\n\r\n-5\r\nhello",
    JSON + b"transfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\nhello",
    JSON + b"content-length: -1\r\n\r\n",
    JSON + b"content-length: 5\r\ncontent-length: 7\r\n\r\nhello",
    JSON + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    JSON + b"host: evil.example\r\ncontent-length: 2\r\n\r\n{}",
    b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nx: " + b"a" * 100_000 + b"\r\n\r\n",
    b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nno colon\r\n\r\n",
    b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nx: a\x00b\r\n\r\n",
    b"GET /health HTTP/1.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 100,
    (
        b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    ),
    b"OPTIONS * HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
    b"GET http://evil.example/ HTTP/1.1\r\nhost: evil.example\r\n\r\n",
    b"CONNECT evil.example:80 HTTP/1.1\r\nhost: evil.example\r\n\r\n",
    b"GET /%ff%fe/%00 HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
]


@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda garbage: repr(garbage[:60]))
async def test_garbage_gets_an_error_or_nothing(garbage: bytes) -> None:
    async with open_bench(TIGHT) as bench:
        async with open_raw(bench.server.url) as raw:
            await raw.send(garbage)
            with trio.fail_after(10):
                rest = await raw.rest()

        assert not rest.startswith((b"HTTP/1.1 200", b"HTTP/1.1 500"))
        assert b"Traceback" not in rest
        assert await works(bench)
        assert len(await bench.engine.list_runs()) == 1


async def test_pipelined_requests_are_answered_in_order_and_garbage_after_them_is_not() -> None:
    good = b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"
    async with open_bench(TIGHT) as bench:
        async with open_raw(bench.server.url) as raw:
            await raw.send(good * 5 + b"\x00garbage\r\n\r\n")
            with trio.fail_after(10):
                rest = await raw.rest()

        assert rest.count(b"HTTP/1.1 200") == 5
        assert await works(bench)


async def test_connections_beyond_the_limit_are_told_so() -> None:
    async with open_bench(TIGHT) as bench:
        async with trio.open_nursery() as nursery:
            answers: list[bytes] = []

            async def connect() -> None:
                async with open_raw(bench.server.url) as raw:
                    with trio.move_on_after(5):
                        answers.append(await raw.rest())

            for _ in range(40):
                nursery.start_soon(connect)

        busy = [answer for answer in answers if answer.startswith(b"HTTP/1.1 503")]
        assert len(busy) >= 15
        assert await works(bench)


async def test_one_address_cannot_take_all_connections() -> None:
    limits = Limits(connections=100, connections_per_client=5)
    async with open_bench(attrs.evolve(OPEN, limits=limits)) as bench:
        refused: list[bytes] = []
        async with trio.open_nursery() as nursery:

            async def connect() -> None:
                async with open_raw(bench.server.url) as raw:
                    with trio.move_on_after(2):
                        refused.append(await raw.rest())

            for _ in range(12):
                nursery.start_soon(connect)

        assert [answer[:12] for answer in refused] == [b"HTTP/1.1 503"] * 7
        assert await works(bench)


@pytest.mark.slow
async def test_ten_thousand_connections_that_are_dropped_disturb_no_run() -> None:
    async with open_bench() as bench:
        await bench.post("/api/workflows/slow/runs", {"inputData": 1}, runId="r")
        counts = []
        for _ in range(10):
            async with trio.open_nursery() as nursery:
                limiter = trio.CapacityLimiter(200)

                async def drop(number: int, limiter: trio.CapacityLimiter = limiter) -> None:
                    async with limiter, open_raw(bench.server.url) as raw:
                        if number % 3:
                            await raw.send([b"GET / HT", HEAD][number % 2])

                for number in range(1_000):
                    nursery.start_soon(drop, number)
            with trio.fail_after(30):
                while bench.server.connections > 1:
                    await trio.lowlevel.checkpoint()
            gc.collect()
            counts.append(len(gc.get_objects()))

        assert await works(bench)
        assert bench.engine.get_run("r").status == "running"
        assert counts[-1] < counts[1] * 1.05  # nothing is left behind


HOSTILE = [
    "<script>alert(1)</script>",
    "'\"><img src=x onerror=alert(1)>",
    "\u2028\u2029\u0000",
    "\x1b[31m\r\nset-cookie: a=b",
    "{{ 7 * 7 }}{% raw %}",
    "../../../etc/passwd",
]


@pytest.mark.parametrize("text", HOSTILE)
async def test_hostile_values_are_data_everywhere(text: str) -> None:
    async with open_bench() as bench:
        answers = [
            await bench.client.get("/api/workflows/doubled/runs", params={"status": text}),
            await bench.client.get("/api/workflows/doubled/runs", params={"resourceId": text}),
            await bench.client.get("/", params={"q": text}),
            await bench.post("/api/workflows/doubled/create-run", {"resourceId": text}),
            await bench.post("/api/workflows/doubled/runs", {"inputData": text}),
            await bench.post("/api/workflows/approve/runs", {"inputData": {text: text}}),
            await bench.client.post("/login", data={"token": text}),
        ]

    for answer in answers:
        assert answer.status_code < 500
        assert answer.headers["content-type"].partition(";")[0] in ("application/json", "text/html")
        assert "a=b" not in answer.headers.get("set-cookie", "")
        if answer.headers["content-type"].startswith("text/html"):
            assert text not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/api/workflows/..%2f..%2fapp/runs",
        "/api/workflows/doubled/runs/..%2f..",
        "/api/workflows/doubled/runs/%00",
        "/api/workflows/doubled/runs/" + "x" * 5_000,
        "/api/workflows/%ed%a0%80",
        "/api/tools/__class__",
        "/static/%2e%2e%2fapp.py",
        "//evil.example/",
        "/api//workflows",
    ],
)
async def test_path_tricks_lead_nowhere(path: str) -> None:
    async with open_bench() as bench, open_raw(bench.server.url) as raw:
        await raw.request("GET", path)

        assert await raw.status() == 404
        assert await works(bench)


async def test_errors_show_no_traceback_and_no_path_unless_asked() -> None:
    async with open_bench() as bench:
        result = await bench.start("broken", 4, "r")
        events = await bench.get("/api/workflows/broken/runs/r/events", format="json")
        record = await bench.get("/api/workflows/broken/runs/r")
    shown: list[Any] = [result, events.text, record.text]
    async with open_bench(attrs.evolve(OPEN, show_stacks=True)) as bench:
        asked = await bench.start("broken", 4, "r")

    for text in map(str, shown):
        assert "the boiler burst" in text
        assert "Traceback" not in text
        assert ".py" not in text
    assert "Traceback" in asked["error"]["stack"]
