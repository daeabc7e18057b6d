"""The protocol over streamable HTTP on this machine, for those who know the token."""

from __future__ import annotations

import hmac
import logging
import secrets
import socket
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from attrs import frozen
from hypercorn.config import Config
from hypercorn.trio import serve
from mcp.server import Server
from mcp.server.transport_security import TransportSecuritySettings

HOST = "127.0.0.1"
PATH = "/mcp"
SHORTEST = 16
"""Fewest characters of a token; shorter ones could be guessed."""
GRACE = 1.0
"""Seconds that connections get to end when the server ends."""

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Any]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]


def new_token() -> str:
    """Return a token that nobody can guess."""
    return secrets.token_urlsafe(24)


@frozen
class Guarded:
    """An application for requests that carry a bearer token."""

    app: App
    token: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or self._is_allowed(scope):
            await self.app(scope, receive, send)
            return
        headers = [(b"www-authenticate", b"Bearer"), (b"content-type", b"text/plain")]
        await send({"type": "http.response.start", "status": 401, "headers": headers})
        body = b"Send the header: Authorization: Bearer TOKEN\n"
        await send({"type": "http.response.body", "body": body})

    def _is_allowed(self, scope: Scope) -> bool:
        given = dict(scope["headers"]).get(b"authorization", b"")
        kind, _, token = given.partition(b" ")
        is_same = hmac.compare_digest(token.strip(), self.token.encode())
        return is_same and kind.lower() == b"bearer"


def listen(port: int) -> socket.socket:
    """Return a socket that listens on this machine; on any free port if *port* is 0.

    Raises:
      OSError: if the port cannot be used.
    """
    return socket.create_server((HOST, port))


async def serve_http(
    server: Server[Any],
    listening: socket.socket,
    token: str | None,
    wait_ended: Callable[[], Awaitable[None]],
) -> None:
    """Serve clients on a socket, which is closed then, until *wait_ended* returns."""
    port = listening.getsockname()[1]
    names = [f"{name}:{port}" for name in (HOST, "localhost")]
    security = TransportSecuritySettings(
        allowed_hosts=names, allowed_origins=[f"http://{name}" for name in names]
    )
    app: Any = server.streamable_http_app(streamable_http_path=PATH, transport_security=security)
    config = Config()
    config.bind = [f"fd://{listening.detach()}"]
    config.graceful_timeout = GRACE
    config.include_server_header = False
    config.errorlog = logging.getLogger("trioflow.mcp.connections")
    guarded: Any = app if token is None else Guarded(app, token)
    await serve(guarded, config, shutdown_trigger=wait_ended)
