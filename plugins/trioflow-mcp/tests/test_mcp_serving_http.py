"""The server over HTTP: for programs on this machine that know the token."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trio
from trioflow_mcp import McpConnectionError, open_mcp
from trioflow_mcp.serving.http import listen, new_token, serve_http

from .helping import engine_with, output_of
from .test_mcp_serving import service

TOKEN = "a-token-for-the-tests"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@asynccontextmanager
async def serving(token: str | None = TOKEN) -> AsyncIterator[tuple[str, Any]]:
    """Yield the URL of a server and the engine behind it."""
    ended = trio.Event()
    async with service() as made, trio.open_nursery() as nursery:
        with listen(0) as listening:
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"

            async def wait_ended() -> None:
                await ended.wait()
                made.end()

            nursery.start_soon(partial(serve_http, made.server, listening, token, wait_ended))
            yield url, made.engine
            ended.set()
            nursery.cancel_scope.deadline = trio.current_time() + 10


async def test_a_client_with_the_token_can_call(tmp_path: Path) -> None:
    async with serving() as (url, _), engine_with(url, headers=BEARER) as engine:
        assert await output_of(engine, "loud", input="tea") == {"result": "TEA"}


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", TOKEN, "Bearer ü"]
)
async def test_others_cannot(header: str) -> None:
    async with serving() as (url, _):
        async with httpx2.AsyncClient() as client:
            headers = {b"Authorization": header.encode()}
            response = await client.post(url, json={}, headers=headers)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
        with pytest.raises(McpConnectionError, match="HTTP status 401"):
            async with open_mcp(url):
                pass


async def test_without_a_token_every_program_can() -> None:
    async with serving(token=None) as (url, _), engine_with(url) as engine:
        assert await output_of(engine, "double", number=2) == {"result": 4}


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ({"Host": "example.org"}, 421),
        ({"Host": "localhost.example.org:80"}, 421),
        ({"Origin": "http://example.org"}, 403),
        ({"Origin": "http://localhost:1"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_pages_of_other_sites_cannot_use_it(header: dict[str, str], status: int) -> None:
    """Not even with the token, or if none is needed."""
    for token in (TOKEN, None):
        async with serving(token) as (url, _), httpx2.AsyncClient() as client:
            response = await client.post(url, json={}, headers=BEARER | header)
        assert response.status_code == status


async def test_canceling_a_call_cancels_the_run(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with serving() as (url, served), engine_with(url, headers=BEARER) as engine:
        run = engine.submit("call", {"tool": "hanging", "args": {"input": str(log)}})
        while not log.exists():  # noqa: ASYNC110  # only the body tells
            await trio.sleep(0.01)
        run.cancel()
        await run.wait()
        (info,) = await served.list_runs()
        with trio.fail_after(10):
            assert (await served.get_run(info.run_id).wait()).status == "canceled"

    assert log.read_text().split() == ["started", "cleaned", "up"]


async def test_the_user_of_a_client_is_asked() -> None:
    async with serving() as (url, _), engine_with(url, headers=BEARER) as engine:
        result = await engine.submit("call", {"tool": "named", "args": {}}).wait()
        assert result.status == "suspended"
        answer = {"action": "accept", "content": {"answer": "Ada"}}
        run = engine.get_run(result.run_id)

        assert (await run.resume(answer)).unwrap() == {"result": "hello Ada"}


def test_new_tokens_differ_and_are_long() -> None:
    assert len({new_token() for _ in range(10)}) == 10
    assert len(new_token()) >= 32
