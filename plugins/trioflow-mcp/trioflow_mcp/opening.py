"""`open_mcp`: the tools of a server, for as long as a block runs."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import mcp_types as types
import trio
from attrs import define, field

from trioflow import Tool, TrioflowError
from trioflow.errors import DefinitionError
from trioflow_mcp.connection import Connection, Link
from trioflow_mcp.errors import McpTimeoutError
from trioflow_mcp.listing import Allow, Maker, list_tools
from trioflow_mcp.targets import McpTarget, target_of

logger = logging.getLogger("trioflow.mcp")


@asynccontextmanager
async def open_mcp(
    server: McpTarget,
    prefix: str = "",
    allow: Allow | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    start_timeout: float = 30.0,
    call_timeout: float | None = None,
    max_result: int = 1_000_000,
) -> AsyncGenerator[list[Tool[..., Any]], None]:
    """Connect to an MCP server and yield its tools, for ``open_engine(tools=tools)``::

        async with open_mcp(["uvx", "mcp-server-git"], prefix="git.") as tools:
            async with open_engine(tools=tools) as engine: ...

    The output of a tool is the structured content of its result; without one, its content parts:
    ``[{"type": "text", "text": ...}]``. Progress becomes `McpProgress` chunks of the calling step.
    A question of the server suspends the run with an `Elicitation`.

    A tool raises `McpToolError` if it fails, `McpResultError` if its result cannot be used, and
    `McpConnectionError` if the connection is lost. The next call then connects again.

    Args:
      server: The URL of a streamable HTTP server, the command of a process as a list, a server
        object of the SDK, its ``StdioServerParameters``, or one of its transports.
      prefix: Put before each name to make the id of the tool. Characters that ids cannot have
        become ``_``.
      allow: Names on the server, without the prefix, or a function of a name. Default: all.
      headers: HTTP headers for each request, such as ``{"Authorization": "Bearer ..."}``.
      start_timeout: Seconds that connecting and listing may take.
      call_timeout: Seconds that a call may take.
      max_result: Most characters of a result, as JSON.

    Raises:
      McpConnectionError: if the server cannot be started or reached.
      McpTimeoutError: if it takes too long.
      McpListError: if its tools cannot be used.
      UnknownNameError: if a name in *allow* is none of its tools.
      DefinitionError: if an argument is invalid.

    **Cancellation**: in-flight calls are canceled on the server. Leaving the block ends the
    server's process, and waits for that.

    **Checkpoints**: always.
    """
    limits = {"start_timeout": start_timeout, "max_result": max_result}
    _check(prefix, allow, limits | ({} if call_timeout is None else {"call_timeout": call_timeout}))
    target = target_of(server, headers)
    failure: BaseException | None = None
    async with trio.open_nursery() as nursery:
        changes = Changes()
        connection = Connection(target, start_timeout, changes.note, nursery)
        try:
            listed = await _list(await connection.link(), start_timeout)
            tools = Maker(connection, prefix, allow, call_timeout, max_result).make(listed)
            nursery.start_soon(changes.watch, connection, listed)
            yield tools
        except BaseException as exc:  # it leaves the block as itself, not in a group
            failure = exc
        connection.close()
    if failure is not None:
        raise failure


def _check(prefix: object, allow: object, limits: Mapping[str, float]) -> None:
    where = "open_mcp()"
    if not isinstance(prefix, str):
        raise DefinitionError(where, f"prefix is {prefix!r}", "give it a string")
    if isinstance(allow, str):
        raise DefinitionError(where, f"allow is {allow!r}", f"give it a set: {{{allow!r}}}")
    for name, value in limits.items():
        if not value > 0:
            raise DefinitionError(where, f"{name} is {value!r}", "give it a number above 0")


async def _list(link: Link, seconds: float) -> list[types.Tool]:
    server = link.target.name
    try:
        with trio.fail_after(seconds):
            return await list_tools(link.session, server)
    except trio.TooSlowError:
        problem = f"it did not list its tools within {seconds:g} s"
        raise McpTimeoutError(server, problem, link.tail.text) from None


@define(eq=False)
class Changes:
    """Reports that a server has other tools than when the block began."""

    noted: trio.Event = field(factory=trio.Event)

    def note(self) -> None:
        """Note that the server says so."""
        self.noted.set()

    async def watch(self, connection: Connection, listed: list[types.Tool]) -> None:
        """Look at the list again whenever the server says that it has changed."""
        known = {tool.name: tool for tool in listed}
        with connection.watching:
            while True:
                await self.noted.wait()
                self.noted = trio.Event()
                try:
                    found = await _list(await connection.link(), connection.start_timeout)
                except TrioflowError as exc:
                    logger.warning("%s", exc)
                    continue
                now = {tool.name: tool for tool in found}
                _report(connection.target.name, known, now)
                known = now


def _report(server: str, known: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    same = known.keys() & now.keys()
    for what, names in (
        ("new", now.keys() - known.keys()),
        ("removed", known.keys() - now.keys()),
        ("changed", {name for name in same if known[name] != now[name]}),
    ):
        if names:
            text = "MCP server %r has %s tools: %s; open_mcp() again to use its new list"
            logger.warning(text, server, what, ", ".join(sorted(names)))
