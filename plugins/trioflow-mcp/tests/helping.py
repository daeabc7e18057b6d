"""Ways to reach the demo server, and to call tools in a run."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import trio
from attrs import define
from hypercorn.config import Config
from hypercorn.trio import serve
from trioflow_mcp import open_mcp

from trioflow import Engine, RunResult, StepContext, Workflow, open_engine, step

from .demo_server import make_server

DEMO = Path(__file__).with_name("demo_server.py")

RAW = Path(__file__).with_name("raw_server.py")


def raw(how: str = "") -> list[str]:
    """Return the command of a server without the SDK, which starts fast."""
    return [sys.executable, "-S", str(RAW), how]


@step
async def call_it(call: dict[str, Any], ctx: StepContext) -> Any:
    return await ctx.call_tool(call["tool"], **call["args"])


CALL = Workflow("call", input=dict[str, Any], output=Any).then(call_it)
"""Calls one tool."""


@define
class Demo:
    """A demo server."""

    target: Any
    log: Path

    @property
    def noted(self) -> list[str]:
        """What the server has noted."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    async def wait_noted(self, text: str) -> None:
        """Wait until the server has noted something."""
        with trio.fail_after(20):
            while text not in self.noted:  # noqa: ASYNC110  # another process writes it
                await trio.sleep(0.01)


@asynccontextmanager
async def demo(transport: str, folder: Path) -> AsyncIterator[Demo]:
    """Yield the demo server in "memory", over "stdio", or over "http"."""
    log = folder / "log"
    if transport == "memory":
        yield Demo(make_server(log), log)
    elif transport == "stdio":
        yield Demo([sys.executable, str(DEMO), str(log)], log)
    else:
        async with serve_http(make_server(log).streamable_http_app()) as url:
            yield Demo(url + "/mcp", log)


@asynccontextmanager
async def serve_http(app: Any, port: int = 0) -> AsyncIterator[str]:
    """Serve an application, by default on a free port, and yield its URL."""
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.errorlog = None
    config.graceful_timeout = 0
    async with trio.open_nursery() as nursery:
        urls = await nursery.start(partial(serve, app, config))
        yield urls[0]
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def engine_with(target: Any, **options: Any) -> AsyncIterator[Engine]:
    """Yield an engine with the tools of a server, and the workflow that calls them."""
    engine_options = {"plugins": ["mcp"], "workflows": [CALL], **options.pop("engine", {})}
    async with (
        open_mcp(target, **options) as tools,
        open_engine(tools=tools, **engine_options) as engine,
    ):
        yield engine


async def call(engine: Engine, tool: str, /, **args: Any) -> RunResult[Any]:
    """Call a tool in a run of its own."""
    return await engine.submit("call", {"tool": tool, "args": args}).wait()


async def output_of(engine: Engine, tool: str, /, **args: Any) -> Any:
    """Call a tool and return its output."""
    return (await call(engine, tool, **args)).unwrap()


async def error_of(engine: Engine, tool: str, /, **args: Any) -> Any:
    """Call a tool that fails, and return the error."""
    result = await call(engine, tool, **args)
    assert result.status == "failed", result
    return result.error
