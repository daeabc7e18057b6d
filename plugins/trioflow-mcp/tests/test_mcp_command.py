"""``trioflow mcp`` as clients start it: in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import trio

from .forking import Forked, Forks
from .helping import engine_with, output_of

OWN = """
from contextlib import asynccontextmanager
from trioflow import StepContext, Workflow, hookimpl, step, tool

@asynccontextmanager
async def open_kettle():
    yield "hot"

@tool
async def whistle() -> str:
    return "tweet"

@step
async def boil(number: int, ctx: StepContext) -> str:
    return await ctx.resource("kettle", str) + await ctx.call_tool("whistle")

@hookimpl
def trioflow_resources():
    return {"kettle": open_kettle}

@hookimpl
def trioflow_tools():
    return [whistle]

tea = Workflow("tea", input=int, output=str).then(boil)

@hookimpl
def trioflow_workflows():
    return [tea]
"""

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
COMMAND = [sys.executable, "-W", "error", "-m", "trioflow", "mcp"]
VERSION = "2025-06-18"
Process: TypeAlias = subprocess.Popen[str] | Forked


class Wire:
    """The end of the protocol that a client has, line by line."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.number = 0

    def send(self, method: str, params: dict[str, Any] | None = None, **more: Any) -> None:
        assert self.process.stdin is not None
        message = {"jsonrpc": "2.0", "method": method, "params": params or {}, **more}
        print(json.dumps(message), file=self.process.stdin, flush=True)

    def ask(self, method: str, params: dict[str, Any] | None = None) -> Any:
        """Send a request and return its result. Everything that arrives must be JSON."""
        assert self.process.stdout is not None
        self.number += 1
        self.send(method, params, id=self.number)
        while True:
            message = json.loads(self.process.stdout.readline())
            if message.get("id") == self.number:
                return message["result"]

    def call(self, tool: str, **arguments: Any) -> Any:
        return self.ask("tools/call", {"name": tool, "arguments": arguments})


@contextmanager
def started(
    *arguments: str, forks: Forks | None = None, folder: Path = HERE, **environment: str
) -> Iterator[Wire]:
    """Yield a client of a new server, which is killed if it does not end.

    It is forked, or started as clients do.
    """
    env = {**os.environ, **environment}
    if forks is None:
        pipes: Any = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        command = [*COMMAND, *arguments]
        process: Process = subprocess.Popen(command, cwd=folder, env=env, text=True, **pipes)
    else:
        process = forks.start(["-m", "trioflow", "mcp", *arguments], folder, env)
    timer = threading.Timer(120, process.kill)
    timer.start()
    try:
        yield Wire(process)
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        for each in (process.stdin, process.stdout, process.stderr):
            assert each is not None
            with suppress(BrokenPipeError):
                each.close()


def introduce(wire: Wire) -> None:
    client = {"name": "test", "version": "1"}
    wire.ask("initialize", {"protocolVersion": VERSION, "capabilities": {}, "clientInfo": client})
    wire.send("notifications/initialized")


def test_a_server_that_a_client_starts(tmp_path: Path) -> None:
    """It uses the hooks of its modules. What workflows print does not reach the client."""
    (tmp_path / "own_tea.py").write_text(OWN)
    targets = ("served:noisy", "served:loud", "own_tea:tea", "whistle")
    with started(*targets, folder=tmp_path, PYTHONPATH=str(HERE)) as wire:
        introduce(wire)
        tools = {tool["name"] for tool in wire.ask("tools/list")["tools"]}
        assert tools == {"noisy", "loud", "tea", "whistle", "resume"}
        assert wire.call("noisy")["structuredContent"] == {"result": "quiet"}
        assert wire.call("loud", input="ü" * 100_000)["structuredContent"] == {
            "result": "Ü" * 100_000
        }
        assert wire.call("tea", input=1)["structuredContent"] == {"result": "hottweet"}
        assert wire.call("whistle")["structuredContent"] == {"result": "tweet"}
        out, err = wire.process.communicate()  # closes standard input

    assert out == ""
    assert err.split("\n")[:4] == [
        "imported: this must not reach the client",
        "printed",
        "written",
        "by a child",
    ]
    assert wire.process.returncode == 0


def test_garbage_from_the_client_is_survived(forks: Forks) -> None:
    with started("served:loud", forks=forks) as wire:
        assert wire.process.stdin is not None
        print("{garbage", file=wire.process.stdin, flush=True)
        introduce(wire)

        assert wire.call("loud", input="x")["structuredContent"] == {"result": "X"}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_although_it_reads(
    how: signal.Signals, tmp_path: Path, forks: Forks
) -> None:
    log = tmp_path / "log"
    with started("served:hanging", forks=forks) as wire:
        introduce(wire)
        wire.send("tools/call", {"name": "hanging", "arguments": {"input": str(log)}}, id="h")
        trio.run(wait_for, log)
        wire.process.send_signal(how)
        _, err = wire.process.communicate()

    assert wire.process.returncode == 0
    assert "Traceback" not in err
    assert log.read_text().split() == ["started", "cleaned", "up"]


@pytest.mark.parametrize("how", ["end of input", "signal"])
def test_durable_runs_survive_the_server(how: str, tmp_path: Path, forks: Forks) -> None:
    log, store = tmp_path / "log", f"sqlite:{tmp_path / 'runs.db'}"
    with started("served:hanging", "--store", store, "--grace", "0", forks=forks) as wire:
        introduce(wire)
        wire.send("tools/call", {"name": "hanging", "arguments": {"input": str(log)}}, id="h")
        trio.run(wait_for, log)
        if how == "signal":
            wire.process.send_signal(signal.SIGTERM)
        wire.process.communicate()
    log.unlink()
    with started("served:hanging", forks=forks, TRIOFLOW_STORE=store):
        trio.run(wait_for, log)  # it was recovered

    assert log.read_text().splitlines()[0] == "started"


async def wait_for(path: Path) -> None:
    with trio.fail_after(100):
        while not path.exists():  # noqa: ASYNC110, ASYNC240  # another process writes it
            await trio.sleep(0.01)


def test_a_suspended_run_is_resumed_by_another_process(tmp_path: Path, forks: Forks) -> None:
    store = f"sqlite:{tmp_path / 'runs.db'}"
    with started("served:named", "--store", store, forks=forks) as wire:
        introduce(wire)
        waiting = wire.call("named")["structuredContent"]["suspended"]
    with started("served:named", "--store", store, forks=forks) as wire:
        introduce(wire)
        result = wire.call("resume", run_id=waiting["run_id"], answer="Ada")

    assert result["structuredContent"] == {"result": "hello Ada"}


def test_over_http_the_first_line_is_the_url(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a-token-in-a-file\n")
    with started("served:noisy", "--http", "0", "--token-file", str(token)) as wire:
        assert wire.process.stdout is not None
        assert wire.process.stdout.readline() == "imported: this must not reach the client\n"
        url = wire.process.stdout.readline().strip()
        trio.run(call_over_http, url, "a-token-in-a-file")
        wire.process.send_signal(signal.SIGTERM)
        _, err = wire.process.communicate()

    assert wire.process.returncode == 0
    assert err == ""


async def call_over_http(url: str, token: str) -> None:
    async with engine_with(url, headers={"Authorization": f"Bearer {token}"}) as engine:
        assert await output_of(engine, "noisy") == {"result": "quiet"}


def test_a_new_token_is_printed(forks: Forks) -> None:
    with started("served:loud", "--http", "0", forks=forks) as wire:
        assert wire.process.stderr is not None
        line = wire.process.stderr.readline()

    assert line.startswith("trioflow mcp: clients must send the header Authorization: Bearer ")


def test_a_name_that_does_not_exist_is_reported_without_traceback(forks: Forks) -> None:
    with started("served:nothing", forks=forks) as wire:
        out, err = wire.process.communicate()

    assert wire.process.returncode == 2
    assert err.splitlines()[-1].startswith("trioflow: 'served' has no 'nothing'")
    assert out == ""
