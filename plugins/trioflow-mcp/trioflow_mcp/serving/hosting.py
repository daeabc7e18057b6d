"""Opens the engine and the transport of ``trioflow mcp``, and ends them on signals."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Protocol

import trio
from attrs import define, frozen

from trioflow import TrioflowError, open_engine
from trioflow.commands import find_plugins, find_workflow
from trioflow_mcp.serving.catalogue import TOOL_CALL, catalogue_of
from trioflow_mcp.serving.http import HOST, PATH, SHORTEST, listen, new_token, serve_http
from trioflow_mcp.serving.service import Service
from trioflow_mcp.serving.stdio import Wire, claim_streams, serve_stdio

TOKEN_VARIABLE = "TRIOFLOW_MCP_TOKEN"
"""Environment variable with the token of HTTP clients."""
STORE_VARIABLE = "TRIOFLOW_STORE"


@define(eq=False)
class OptionError(TrioflowError):
    """Raised when an option of the command cannot be used."""

    option: str
    problem: str

    def __str__(self) -> str:
        return f"{self.option}: {self.problem}"


class Transport(Protocol):
    """How clients reach the server."""

    async def serve(self, service: Service, ended: trio.Event) -> None:
        """Serve until the clients have left, or *ended* is set."""


@frozen
class Stdio:
    """One client, on standard input and output."""

    wire: Wire

    async def serve(self, service: Service, ended: trio.Event) -> None:
        """Serve until standard input is closed."""
        if os.isatty(self.wire.reading):
            count = len(service.catalogue)
            tools = "1 tool" if count == 1 else f"{count} tools"
            say(f"serving {tools} to an MCP client on standard input")
            say("for a client elsewhere: trioflow mcp --http PORT; Ctrl-C ends the server")

        async def end() -> None:
            await ended.wait()
            service.end()
            nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(end)
            await serve_stdio(service.server, self.wire, service.end)
            nursery.cancel_scope.cancel()


@frozen
class Http:
    """Any number of clients, on a port of this machine."""

    listening: socket.socket
    token: str | None
    is_new: bool
    """Whether nobody knows the token yet."""

    async def serve(self, service: Service, ended: trio.Event) -> None:
        """Serve until the command is ended."""

        async def wait_ended() -> None:
            await ended.wait()
            service.end()

        print(f"http://{HOST}:{self.listening.getsockname()[1]}{PATH}", flush=True)
        if self.is_new:
            say(f"clients must send the header Authorization: Bearer {self.token}")
        await serve_http(service.server, self.listening, self.token, wait_ended)


def say(text: str) -> None:
    """Print a line for people."""
    print(f"trioflow mcp: {text}", file=sys.stderr, flush=True)


async def run_server(
    targets: Sequence[str],
    *,
    store: str | None,
    port: int | None,
    token_file: str | None,
    allow_unauthenticated: bool,
    grace: float,
) -> None:
    """Run the server of ``trioflow mcp``, whose options these are.

    Raises:
      TrioflowError: if one of them cannot be used.
    """
    if port is None:
        if token_file is not None or allow_unauthenticated:
            option = "--token-file" if token_file is not None else "--allow-unauthenticated"
            raise OptionError(option, "it is for --http PORT")
        with claim_streams() as wire:  # before modules are imported that print
            await _serve(Stdio(wire), targets, store, grace)
        return
    token, is_new = _token(token_file, allow_unauthenticated)
    with closing(_listen(port)) as listening:
        await _serve(Http(listening, token, is_new), targets, store, grace)


def _listen(port: int) -> socket.socket:
    if not 0 <= port <= 65_535:
        raise OptionError("--http", f"{port} is no port; use one up to 65535, or 0 for a free one")
    try:
        return listen(port)
    except OSError as exc:
        raise OptionError("--http", f"cannot listen on port {port}: {exc}") from exc


def _token(file: str | None, allow_unauthenticated: bool) -> tuple[str | None, bool]:
    """Return the token, and whether it is a new one."""
    given = os.environ.get(TOKEN_VARIABLE, "")
    option = f"${TOKEN_VARIABLE}"
    if file is not None:
        option = "--token-file"
        try:
            given = Path(file).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as exc:
            raise OptionError(option, f"{file} cannot be read: {exc}") from exc
    if allow_unauthenticated:
        if given:
            raise OptionError("--allow-unauthenticated", f"there is a token in {option}")
        return None, False
    if file is None and not given:
        return new_token(), True
    token = given.strip()
    if len(token) < SHORTEST or not token.isascii() or len(token.split()) != 1:
        problem = f"a token is one word of at least {SHORTEST} ASCII characters"
        raise OptionError(option, problem)
    return token, False


async def _serve(
    transport: Transport, targets: Sequence[str], store: str | None, grace: float
) -> None:
    named = {target: find_workflow(target).workflow for target in targets if ":" in target}
    ids = [named[target].id if target in named else target for target in targets]
    url = store or os.environ.get(STORE_VARIABLE) or None
    workflows = [*named.values(), TOOL_CALL]
    async with (
        _ended_by_signals() as ended,
        open_engine(
            plugins=find_plugins(targets),
            workflows=workflows,
            store=url,
            recover=url is not None,
        ) as engine,
    ):
        await transport.serve(Service(engine, catalogue_of(engine, ids)), ended)
        if url is not None:
            await engine.drain(grace)


@asynccontextmanager
async def _ended_by_signals() -> AsyncGenerator[trio.Event, None]:
    """Yield an event that the first signal to end sets; the second cancels the block."""
    ended = trio.Event()
    async with trio.open_nursery() as nursery:

        async def listen_to_signals(*, task_status: trio.TaskStatus[None]) -> None:
            with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
                task_status.started()
                async for _ in signals:
                    if ended.is_set():
                        nursery.cancel_scope.cancel()
                    ended.set()

        await nursery.start(listen_to_signals)
        yield ended
        nursery.cancel_scope.cancel()
