"""Messages over streamable HTTP: each request is a POST, whose response holds or streams answers.

The SDK's transport leaves generators of its HTTP client to the garbage collector, which warns, and
ends the whole connection, in a group of exceptions, when one request cannot be sent. Here a request
that gets no answer is answered with an error, and all others continue.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

import httpx2
import mcp_types as types
import trio
from anyio import BrokenResourceError, ClosedResourceError, create_memory_object_stream
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from attrs import define, field
from mcp.shared.message import ClientMessageMetadata, SessionMessage
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from trioflow_mcp.messages import EVENTS, messages_in, read_page

SESSION = "mcp-session-id"
VERSION = "mcp-protocol-version"
TIMEOUT = httpx2.Timeout(30.0, read=300.0)
"""Seconds; a server that is alive sends a comment to an open stream far more often."""
RECONNECT = 1.0
"""Seconds until the stream of a server's own messages is opened again."""
LOST = "trioflow-mcp: lost"
"""Data of the errors that answer requests here. A server can use the same code."""
Item = SessionMessage | Exception
OnRequest = Callable[[types.JSONRPCRequest, types.JSONRPCRequest], None]
"""Called with a request of ours, and a request of the server that arrives in the answer to it."""


@define(eq=False)
class HttpTransport:
    """One connection to one URL."""

    url: str
    client: httpx2.AsyncClient
    incoming: MemoryObjectSendStream[Item]
    outgoing: MemoryObjectReceiveStream[SessionMessage]
    on_request: OnRequest
    session_id: str | None = None
    version: str | None = None
    _posts: dict[types.RequestId, trio.CancelScope] = field(factory=dict)

    async def run(self, nursery: trio.Nursery) -> None:
        """Send messages until there are no more."""
        async for item in self.outgoing:
            message, metadata = item.message, item.metadata
            headers = dict((isinstance(metadata, ClientMessageMetadata) and metadata.headers) or {})
            self.version = headers.get(VERSION, self.version)
            if isinstance(message, types.JSONRPCRequest):
                if message.method == "initialize":
                    self.version = None
                scope = self._posts[message.id] = trio.CancelScope()
                nursery.start_soon(self._request, message, headers, scope)
                continue
            if self._stops_post(message):
                continue
            nursery.start_soon(self._notify, message, headers)
            if getattr(message, "method", None) == "notifications/initialized":
                nursery.start_soon(self._listen)

    def _stops_post(self, message: Any) -> bool:
        """Cancel a request as the newer protocol does it: by leaving its response."""
        if getattr(message, "method", None) != "notifications/cancelled":
            return False
        if self.version not in MODERN_PROTOCOL_VERSIONS:
            return False
        canceled = (message.params or {}).get("requestId")
        if canceled in self._posts:
            self._posts[canceled].cancel()
        return True

    def _headers(self, own: dict[str, str]) -> dict[str, str]:
        given = {SESSION: self.session_id, VERSION: self.version}
        known = {name: value for name, value in given.items() if value is not None}
        accept = {"accept": f"application/json, {EVENTS}"}
        return accept | known | own

    async def _request(
        self, message: types.JSONRPCRequest, headers: dict[str, str], scope: trio.CancelScope
    ) -> None:
        problem = "it did not answer the request"
        try:
            with scope:
                async with self._post(message, headers) as response:
                    problem = await self._read_answer(message, response) or problem
        except Exception as exc:  # one request must not end the others
            problem = f"{type(exc).__name__}: {exc}"
        finally:
            self._posts.pop(message.id, None)
        error = types.ErrorData(code=types.CONNECTION_CLOSED, message=problem, data=LOST)
        await self._give(types.JSONRPCError(jsonrpc="2.0", id=message.id, error=error))

    async def _notify(self, message: Any, headers: dict[str, str]) -> None:
        with suppress(httpx2.HTTPError):  # the next request will tell
            async with self._post(message, headers) as response:
                await read_page(response)

    @asynccontextmanager
    async def _post(
        self, message: Any, headers: dict[str, str]
    ) -> AsyncGenerator[httpx2.Response, None]:
        body = message.model_dump(by_alias=True, mode="json", exclude_unset=True)
        options = {"json": body, "headers": self._headers(headers)}
        async with self.client.stream("POST", self.url, **options) as response:
            yield response

    async def _read_answer(
        self, request: types.JSONRPCRequest, response: httpx2.Response
    ) -> str | None:
        """Give the session what the response holds; return why there is no answer in it."""
        if response.status_code == 404 and self.session_id is not None:
            return "it has forgotten the session"
        if request.method == "initialize" and response.is_success:
            self.session_id = response.headers.get(SESSION)
        async with aclosing(messages_in(response)) as messages:
            async for message in messages:
                if isinstance(message, Exception):
                    return _no_answer(response, message)
                if isinstance(message, types.JSONRPCRequest):
                    self.on_request(request, message)
                if isinstance(message, types.JSONRPCResponse | types.JSONRPCError):
                    # Without an id, the server could not read the request.
                    message.id = request.id if message.id is None else message.id
                await self._give(message)
                if getattr(message, "id", None) == request.id and not hasattr(message, "method"):
                    return None
        return _no_answer(response, None)

    async def _listen(self) -> None:
        """Receive what the server sends by itself, if it does; lists that change, for example."""
        while True:
            with suppress(httpx2.HTTPError):
                headers = self._headers({"accept": EVENTS})
                async with self.client.stream("GET", self.url, headers=headers) as response:
                    if not response.is_success:
                        return
                    async with aclosing(messages_in(response)) as messages:
                        async for message in messages:
                            await self._give(message)
            await trio.sleep(RECONNECT)

    async def _give(self, message: types.JSONRPCMessage | Exception) -> None:
        item = message if isinstance(message, Exception) else SessionMessage(message)
        with suppress(BrokenResourceError, ClosedResourceError):
            await self.incoming.send(item)

    async def end_session(self) -> None:
        """Tell the server that the session is over."""
        if self.session_id is not None:
            with suppress(httpx2.HTTPError):
                headers = self._headers({})
                async with self.client.stream("DELETE", self.url, headers=headers) as response:
                    await read_page(response)


@asynccontextmanager
async def open_http(
    url: str, headers: dict[str, str], on_request: OnRequest
) -> AsyncGenerator[tuple[Any, Any], None]:
    """Yield the streams of messages from and to a server."""
    incoming, to_session = create_memory_object_stream[Item](0)
    from_session, outgoing = create_memory_object_stream[SessionMessage](0)
    async with (
        httpx2.AsyncClient(headers=headers, timeout=TIMEOUT) as client,
        incoming,
        to_session,
        from_session,
        outgoing,
        trio.open_nursery() as nursery,
    ):
        transport = HttpTransport(url, client, incoming, outgoing, on_request)
        nursery.start_soon(transport.run, nursery)
        try:
            yield to_session, from_session
            await transport.end_session()
        finally:
            nursery.cancel_scope.cancel()


def _no_answer(response: httpx2.Response, wrong: Exception | None) -> str:
    """Return why a response holds no answer."""
    if not response.is_success:
        return f"it answered with HTTP status {response.status_code}"
    if wrong is not None:
        return f"it sent something that is no message: {wrong}"
    return "its answer ended too early"
