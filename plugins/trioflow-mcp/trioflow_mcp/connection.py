"""The connection to one server: opened, lost, and opened again by the next call."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import mcp_types as types
import trio
from attrs import define, field
from mcp import Client
from mcp.client.session import ClientRequestContext, ClientSession, IncomingMessage
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import ValidationError

from trioflow_mcp.askers import Askers
from trioflow_mcp.errors import McpConnectionError, McpTimeoutError, innermost
from trioflow_mcp.http import LOST
from trioflow_mcp.processes import UnreadableError
from trioflow_mcp.tail import Tail
from trioflow_mcp.targets import Target

CLOSING = 8.0
"""Seconds that a connection gets to close: a process is asked to end, then told, then killed."""
LAST_WORDS = 0.5
"""Seconds to wait for the standard error of a process that has ended."""
LEVELS = {
    "debug": logging.DEBUG,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    **dict.fromkeys(("critical", "alert", "emergency"), logging.CRITICAL),
}
"""Levels of the protocol that Python has; INFO for all others."""
INFO = types.Implementation(name="trioflow", version="0.1")

logger = logging.getLogger("trioflow.mcp")


@define(eq=False)
class Link:
    """One connection, for as long as it lasts."""

    target: Target
    on_list_changed: Callable[[], None]
    tail: Tail = field(init=False)
    askers: Askers = field(factory=Askers)
    client: Client | None = None
    ready: trio.Event = field(factory=trio.Event)
    """Set when the connection is open, or has failed to open."""
    closing: trio.Event = field(factory=trio.Event)
    over: trio.Event = field(factory=trio.Event)
    scope: trio.CancelScope = field(factory=trio.CancelScope)
    problem: str | None = None
    """Why the connection cannot be used."""
    refusal: str | None = None
    """What the server answered the older handshake with, if it did not accept it."""

    def __attrs_post_init__(self) -> None:
        self.tail = Tail(self.target.name)

    @property
    def session(self) -> ClientSession:
        """The session of the SDK."""
        assert self.client is not None
        return self.client.session

    async def run(self) -> None:
        """Connect, and stay connected until the connection is to be closed."""
        try:
            with self.scope:
                async with self._open() as self.client, trio.open_nursery() as nursery:
                    self.ready.set()
                    nursery.start_soon(self._listen, self.client)
                    await self.closing.wait()
                    nursery.cancel_scope.cancel()
        except Exception as exc:
            self.problem = self.problem or told(exc)
        finally:
            self.ready.set()
            self.over.set()

    @asynccontextmanager
    async def _open(self) -> AsyncGenerator[Client, None]:
        """Connect by the older handshake, in which servers can ask during a call, or the newer."""
        is_open = False
        try:
            async with self._client("legacy") as client:
                is_open = True
                yield client
            return
        except Exception as exc:
            cause = innermost(exc)
            if is_open or not self.target.can_reconnect:
                raise
            if not isinstance(cause, MCPError) or is_lost(cause):
                raise
            self.refusal = cause.message
        async with self._client("auto") as client:
            yield client

    def _client(self, mode: str) -> Client:
        return Client(
            self.target.connect(self.tail, self.askers.note_request),
            mode=mode,
            client_info=INFO,
            cache=None,
            elicitation_callback=self._answer,
            logging_callback=self._log,
            message_handler=self._receive,
        )

    async def _listen(self, client: Client) -> None:
        """In the newer protocol, servers must be asked to say that their list has changed."""
        tools = client.server_capabilities.tools
        is_modern = client.protocol_version in MODERN_PROTOCOL_VERSIONS
        if not is_modern or tools is None or not tools.list_changed:
            return
        try:
            async with client.listen(tools_list_changed=True) as changes:
                async for _ in changes:
                    self.on_list_changed()
        except (MCPError, RuntimeError) as exc:  # changes are not reported, then
            logger.debug("%s: %s", self.target.name, exc)

    async def _answer(
        self, context: ClientRequestContext, params: types.ElicitRequestParams
    ) -> types.ElicitResult | types.ErrorData:
        exchange = await self.askers.find(context.request_id)
        if exchange is None:
            return types.ErrorData(
                code=types.INVALID_REQUEST, message="the call that asked is over"
            )
        return await exchange.ask(params)

    async def _log(self, params: types.LoggingMessageNotificationParams) -> None:
        logger.log(LEVELS.get(params.level, logging.INFO), "%s: %s", self.target.name, params.data)

    async def _receive(self, message: IncomingMessage) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self.on_list_changed()
        if isinstance(message, UnreadableError):
            self.fail(str(message))
        elif isinstance(message, Exception) and _is_broken_message(message):
            self.fail("it sent something that is no message")

    def fail(self, problem: str) -> None:
        """Give the connection up: end all calls on it."""
        self.problem = self.problem or problem
        for exchange in self.askers.calls.values():
            exchange.fail(McpConnectionError(self.target.name, self.problem, self.tail.text))
        self.closing.set()

    async def lost(self, problem: str) -> McpConnectionError:
        """Return the error for a call that found the connection lost. Others may still end well."""
        self.problem = self.problem or problem
        if self.target.is_process:
            with trio.move_on_after(LAST_WORDS):
                await self.tail.ended.wait()
        return McpConnectionError(self.target.name, self.problem, self.tail.text)

    def close_if_unused(self) -> None:
        """Close the connection if it cannot be used, and is not."""
        if self.problem is not None and not self.askers.calls:
            self.closing.set()


@define(eq=False)
class Connection:
    """The connection to a server, replaced when it was lost."""

    target: Target
    start_timeout: float
    on_list_changed: Callable[[], None]
    nursery: trio.Nursery
    watching: trio.CancelScope = field(factory=trio.CancelScope)
    """What runs until the connection is closed."""
    _links: list[Link] = field(factory=list)
    _lock: trio.Lock = field(factory=trio.Lock)

    async def link(self) -> Link:
        """Return the open connection; open one if there is none.

        Raises:
          McpConnectionError: if the server cannot be reached, or does not start in time.
        """
        async with self._lock:
            if self._links:
                link = self._links[-1]
                if link.problem is None:
                    return link
                if not self.target.can_reconnect:
                    raise McpConnectionError(self.target.name, link.problem, link.tail.text)
            self._links = [link for link in self._links if not link.over.is_set()]
            self._links.append(await self._open())
            return self._links[-1]

    async def _open(self) -> Link:
        link = Link(self.target, self.on_list_changed)
        self.nursery.start_soon(link.run)
        is_open = False
        try:
            with trio.move_on_after(self.start_timeout):
                await link.ready.wait()
            is_open = link.ready.is_set() and link.problem is None
        finally:
            if not is_open:
                link.scope.cancel()
        if is_open:
            return link
        refused = f"; it refused to initialize: {link.refusal}" if link.refusal else ""
        if link.problem is None:
            problem = f"it did not start within {self.start_timeout:g} s{refused}"
            raise McpTimeoutError(self.target.name, problem, link.tail.text)
        raise McpConnectionError(self.target.name, link.problem + refused, link.tail.text)

    def close(self) -> None:
        """Close all connections. Their tasks end soon."""
        self.watching.cancel()
        for link in self._links:
            link.closing.set()
        self.nursery.cancel_scope.deadline = trio.current_time() + CLOSING


def is_lost(error: MCPError) -> bool:
    """Return whether an error of the SDK says that the connection was lost."""
    closed = error.message == "Connection closed" or error.error.data == LOST
    return error.code == types.CONNECTION_CLOSED and closed


def told(error: BaseException) -> str:
    """Return why a connection cannot be opened."""
    cause = innermost(error)
    if isinstance(cause, ValidationError):
        return "its answer does not follow the protocol"
    if isinstance(cause, MCPError):
        return "it ended" if is_lost(cause) and cause.error.data != LOST else cause.message
    return f"{type(cause).__name__}: {cause}"


def _is_broken_message(error: Exception) -> bool:
    """Return whether an error is about a message, and not about a line that a server printed."""
    if not isinstance(error, ValidationError):
        return False
    line = error.errors()[0]["input"]
    return not isinstance(line, str) or line.lstrip().startswith("{")
