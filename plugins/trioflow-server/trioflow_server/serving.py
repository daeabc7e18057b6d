"""Serves an application on sockets, with hypercorn's connections on Trio.

hypercorn shields what it sends, so a client that stops reading could keep a server from ending.
Here each connection can be cut, and their number is limited.
"""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import attrs
import trio
from hypercorn.config import Config
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState
from hypercorn.utils import wrap_app

from trioflow_server.app import ServerApp
from trioflow_server.connections import Connection, GuardedStream
from trioflow_server.intake import Receive, Scope, Send
from trioflow_server.options import Limits

BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: 5\r\n"
    b"content-type: application/json\r\ncontent-length: 59\r\n\r\n"
    b'{"error":"Too many connections","code":"too-many-requests"}'
)
GRACE = 3.0
"""Seconds that connections get to end when a server ends."""

logger = logging.getLogger("trioflow.server")


@attrs.frozen(kw_only=True)
class Binding:
    """Where a server listens."""

    host: str = "127.0.0.1"
    port: int = 8765
    """0: any free port."""
    certfile: str | None = None
    """File with the certificates, for TLS."""
    keyfile: str | None = None
    """File with the key of the first certificate."""


@attrs.define(eq=False)
class Server:
    """A running server. Made by `open_server`."""

    app: ServerApp
    binding: Binding
    config: Config
    urls: Sequence[str] = ()
    """Where it can be reached, without a final slash."""
    _context: WorkerContext = attrs.field(factory=lambda: WorkerContext(None))
    _streams: set[GuardedStream] = attrs.field(factory=set)
    _changed: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot)
    _accepting: trio.CancelScope = attrs.field(factory=trio.CancelScope)

    @property
    def url(self) -> str:
        """The first URL."""
        return self.urls[0]

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._streams)

    async def listen(self, *, task_status: trio.TaskStatus[None]) -> None:
        """Accept connections until the server ends, and serve them."""
        sockets = self.config.create_sockets()
        tls = self.config.create_ssl_context()
        listening = [*sockets.secure_sockets, *sockets.insecure_sockets]
        base_path = self.app.service.options.base_path
        self.urls = [_url_of(each, tls, self.binding.host) + base_path for each in listening]
        for each in listening:
            each.listen(self.config.backlog)
        async with trio.open_nursery() as connections:
            with self._accepting:
                async with trio.open_nursery() as accepting:
                    accepting.start_soon(self._cut_idle)
                    handle = partial(self._handle, tls=tls)
                    for each in listening:
                        listener = trio.SocketListener(trio.socket.from_stdlib_socket(each))
                        serve = partial(trio.serve_listeners, handler_nursery=connections)
                        accepting.start_soon(serve, handle, [listener])
                    task_status.started()
            await self._end(connections.cancel_scope)

    async def _end(self, scope: trio.CancelScope) -> None:
        """Give the connections some time to end."""
        with trio.CancelScope(shield=True):
            await self.app.close_streams()
            await self._context.terminated.set()  # those without a request end now
            with trio.move_on_after(GRACE):
                await self._wait_idle()
            for stream in tuple(self._streams):
                stream.cut()
        scope.cancel()

    async def _cut_idle(self) -> None:
        """Cut connections on which no request arrives, whatever else does."""
        seconds = self.app.service.options.limits.head_seconds
        while True:
            await trio.sleep(seconds)
            for stream in tuple(self._streams):
                if stream.is_idle(1.5 * seconds):  # later than where a request is expected
                    stream.scope.cancel()

    async def _wait_idle(self) -> None:
        while self._streams:
            await self._changed.park()

    def stop(self) -> None:
        """Accept no more connections, and end those that are open."""
        self._accepting.cancel()

    # ------------------------------------------------------------ connections
    async def _handle(self, accepted: trio.SocketStream, tls: ssl.SSLContext | None) -> None:
        stream = GuardedStream(accepted)
        if self._is_busy(stream.address):
            await _refuse(accepted)
            return
        self._streams.add(stream)
        try:
            with stream.scope:
                await self._converse(stream, tls)
        except Exception:  # whatever a client sends must not end the server
            logger.warning("a connection ended with an error", exc_info=True)
        finally:
            self._streams.discard(stream)
            self._changed.unpark_all()
            with trio.move_on_after(0) as at_once:
                at_once.shield = True
                await stream.aclose()

    def _is_busy(self, address: str) -> bool:
        """Return whether an address may open no further connection."""
        limits = self.app.service.options.limits
        own = sum(stream.address == address for stream in self._streams)
        return len(self._streams) >= limits.connections or own >= limits.connections_per_client

    async def _converse(self, stream: GuardedStream, tls: ssl.SSLContext | None) -> None:
        transport: Any = stream
        if tls is not None:
            transport = trio.SSLStream(stream, tls, server_side=True, https_compatible=True)

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            with stream.answering():
                await self.app(scope, receive, send)

        app = wrap_app(answer, self.config.wsgi_max_body_size, "asgi")  # type: ignore[arg-type]
        state = ConnectionState({})
        await Connection(app, self.config, self._context, state, transport)


async def _refuse(stream: trio.SocketStream) -> None:
    with trio.move_on_after(1):
        with suppress(trio.BrokenResourceError):
            await stream.send_all(BUSY)
    await trio.aclose_forcefully(stream)


def _url_of(listening: socket.socket, tls: ssl.SSLContext | None, host: str) -> str:
    scheme = "http" if tls is None else "https"
    if listening.family not in (socket.AF_INET, socket.AF_INET6):
        return f"{scheme}+unix:{listening.getsockname()}"
    name = f"[{host}]" if ":" in host else host
    return f"{scheme}://{name}:{listening.getsockname()[1]}"


def configure(binding: Binding, limits: Limits) -> Config:
    """Return how hypercorn's connections behave."""
    config = Config()
    host = f"[{binding.host}]" if ":" in binding.host else binding.host
    config.bind = [f"{host}:{binding.port}"]
    config.certfile, config.keyfile = binding.certfile, binding.keyfile
    config.keep_alive_timeout = limits.head_seconds
    config.ssl_handshake_timeout = limits.head_seconds
    config.h11_max_incomplete_size = limits.header_bytes
    config.h2_max_header_list_size = limits.header_bytes
    config.include_server_header = False
    config.backlog = 1024
    config.errorlog = logging.getLogger("trioflow.server.connections")
    return config


@asynccontextmanager
async def open_server(
    app: ServerApp, binding: Binding | None = None
) -> AsyncGenerator[Server, None]:
    """Serve an application while the block runs.

    Leaving the block ends streams with a last comment, and gives other requests some time.

    Args:
      app: What to serve; see `create_app`.
      binding: Where; default: port 8765 on this machine.

    Raises:
      OSError: if the address cannot be used.

    **Checkpoints**: always.
    """
    binding = binding or Binding()
    server = Server(app, binding, configure(binding, app.service.options.limits))
    failure: BaseException | None = None
    with app.service.logs.collecting():
        async with trio.open_nursery() as nursery:
            await nursery.start(server.listen)
            try:
                yield server
            except BaseException as exc:  # it leaves the block as itself, not in a group
                failure = exc
            server.stop()
    if failure is not None:
        raise failure
