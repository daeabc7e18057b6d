"""A server on this machine and a client of it, in one block."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import httpx
import trio
from trioflow_server import Binding, ServerApp, ServerOptions, create_app, open_server
from trioflow_server.serving import Server

from trioflow import Engine, open_engine
from trioflow.abc import Store

from .flows import FLOWS, TOOLS

OPEN = ServerOptions(allow_unauthenticated=True)
"""Options of a server that anybody may use."""


@attrs.frozen
class Bench:
    """A server and its client."""

    engine: Engine
    app: ServerApp
    server: Server
    client: httpx.AsyncClient

    async def post(self, path: str, json: Any = None, **query: Any) -> httpx.Response:
        """Send a POST request."""
        return await self.client.post(path, json=json, params=query or None)

    async def get(self, path: str, **query: Any) -> httpx.Response:
        """Send a GET request."""
        return await self.client.get(path, params=query or None)

    async def start(self, workflow: str, input: Any, run_id: str) -> dict[str, Any]:
        """Start a run, and return its result when it finishes or suspends."""
        path = f"/api/workflows/{workflow}/start-async"
        answer = await self.post(path, {"inputData": input}, runId=run_id)
        assert answer.status_code == 200, answer.text
        result: dict[str, Any] = answer.json()
        return result


@asynccontextmanager
async def open_bench(
    options: ServerOptions = OPEN,
    *,
    store: Store | str | None = "memory:",
    plugins: Sequence[Any] = (),
    app: Mapping[str, Any] | None = None,
    **engine_options: Any,
) -> AsyncGenerator[Bench, None]:
    """Serve the workflows of the tests on a free port while the block runs."""
    given: dict[str, Any] = {"journal_chunks": True, "workflows": FLOWS, "tools": TOOLS}
    given |= engine_options
    async with open_engine(store=store, plugins=plugins, **given) as engine:
        served = create_app(engine, options, **(app or {}))
        async with open_server(served, Binding(port=0)) as server:
            limits = httpx.Limits(max_connections=None)
            url = server.url
            async with httpx.AsyncClient(base_url=url, limits=limits, timeout=30) as client:
                yield Bench(engine, served, server, client)


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    """Ask again and again until something holds, which takes an unknown time."""
    with trio.fail_after(20):
        while True:
            if await holds():
                return
            await trio.sleep(0.01)


async def read_records(answer: httpx.Response) -> AsyncIterator[dict[str, Any]]:
    """Yield the records of a compatible stream."""
    rest = ""
    async for text in answer.aiter_text():
        *whole, rest = (rest + text).split("\x1e")
        for record in whole:
            if record:
                yield json.loads(record)
