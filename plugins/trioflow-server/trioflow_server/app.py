"""The ASGI application."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio
from starlette._utils import get_route_path
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from trioflow import Engine
from trioflow.abc import Authenticator
from trioflow_server.answers import problem_answer
from trioflow_server.calls import NOBODY, Call
from trioflow_server.endpoints import Endpoint
from trioflow_server.intake import Intake, Receive, Scope, Send
from trioflow_server.options import ServerOptions
from trioflow_server.pages.problem_page import problem_page
from trioflow_server.problems import problem_of
from trioflow_server.routing import Router
from trioflow_server.safety.gate import Gate, headers_of
from trioflow_server.safety.headers import SECURITY, with_headers
from trioflow_server.safety.hosts import Origins
from trioflow_server.safety.sessions import Sessions
from trioflow_server.safety.tokens import Tokens
from trioflow_server.seen.measures import Measures
from trioflow_server.seen.tracing import RequestSpan
from trioflow_server.seen.watching import Watched
from trioflow_server.service import Service
from trioflow_server.table import all_endpoints

logger = logging.getLogger("trioflow.server")


def create_app(
    engine: Engine,
    options: ServerOptions | None = None,
    *,
    authenticator: Authenticator | None = None,
    tracer_provider: Any = None,
    meter_provider: Any = None,
) -> ServerApp:
    """Return an ASGI application that serves the workflows and runs of an engine.

    Serve it on Trio, by itself or mounted under a path of another application. It refuses requests
    for host names that are not of this machine and requests without a token, until the options say
    otherwise.

    Args:
      engine: An open engine. It stays open until the application is no longer used.
      options: How the application answers; default: `ServerOptions`.
      authenticator: Says who sends a request. Default: what plugins provide, or else the tokens
        in the options.
      tracer_provider, meter_provider: OpenTelemetry's, for spans and measures of requests; default:
        the global ones. Both need the extra ``otel``.

    Raises:
      PluginError: if the authenticator of a plugin cannot be made.
    """
    options = options or ServerOptions()
    tokens = Tokens(options.tokens) if options.tokens else None
    found = authenticator or engine.authenticator or tokens
    sessions = Sessions(tokens) if tokens is not None and found is tokens else None
    service = Service(engine, options, found, sessions, tracer_provider, Measures(meter_provider))
    gate = Gate(found, sessions, options.allow_unauthenticated)
    return ServerApp(service, gate, Origins(options), Router(all_endpoints()))


@attrs.define(eq=False)
class ServerApp:
    """An ASGI application, made by `create_app`."""

    service: Service
    gate: Gate
    origins: Origins
    router: Router

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        """All routes."""
        return self.router.endpoints

    # ------------------------------------------------------------ its life
    @asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None, None]:
        """Collect logs for the pages, and end all streams when the block is left.

        For the lifespan of an application around.
        """
        with self.service.logs.collecting():
            try:
                yield
            finally:
                with trio.CancelScope(shield=True):
                    await self.close_streams()

    async def close_streams(self, seconds: float = 2.0) -> None:
        """End all streams with a last comment, and start no further run.

        Args:
          seconds: How long to wait for clients to take it.
        """
        self.service.closing.set()
        with trio.move_on_after(seconds):
            await self.service.streams.wait_closed()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or take part in the lifespan of the server."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:  # there are no web sockets
            await send({"type": "websocket.close", "code": 1000})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        async with self.lifespan():
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    # ------------------------------------------------------------ requests
    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope["headers"])
        span = RequestSpan.start(scope["method"], headers, self.service.tracer_provider)
        watched = Watched(scope, span, self.service.measures)
        cors = self.origins.headers(headers.get("origin"))
        send = with_headers(send, {**SECURITY, **cors, **watched.span.answer_headers()})
        try:
            await self._serve_watched(watched, headers, receive, watched.watching(send))
        finally:
            watched.end()

    async def _serve_watched(
        self, watched: Watched, headers: Mapping[str, str], receive: Receive, send: Send
    ) -> None:
        scope = {**self._below_base(watched.scope), "trioflow.watched": watched}
        async with trio.open_nursery() as nursery:
            intake = Intake(receive, self.service.options.limits.body_bytes)
            nursery.start_soon(intake.pump)
            answer = await self._answer(scope, headers, intake)
            await answer(scope, receive, send)
            nursery.cancel_scope.cancel()

    def _below_base(self, scope: Scope) -> Scope:
        root = scope.get("root_path", "") + self.service.options.base_path
        scope = {**scope, "root_path": root}
        is_below = scope["path"] == root or scope["path"].startswith(f"{root}/")
        path = get_route_path(scope) if is_below or not root else None
        return {**scope, "trioflow.path": (path or "/") if is_below or not root else None}

    async def _answer(self, scope: Scope, headers: Mapping[str, str], intake: Intake) -> Response:
        request = Request(scope)
        try:
            self.origins.check_host(headers)
            if request.method == "OPTIONS":
                return Response(None, 204, self.origins.preflight(headers.get("origin")))
            self.origins.check_origin(request.method, headers)
            endpoint = self.router.find(scope)
            if endpoint is None:
                return PlainTextResponse("404 Not Found", 404)
            watched: Watched = scope["trioflow.watched"]
            watched.found(endpoint.path)
            return await self._handle(Call(self.service, request, endpoint, intake, NOBODY))
        except Exception as exc:
            return problem_answer(problem_of(exc))

    async def _handle(self, call: Call) -> Response:
        try:
            call.principal = await self.gate.admit(call.request, call.endpoint)
            call.watched.principal = call.principal.name
            return await call.endpoint.handle(call)
        except Exception as exc:
            return problem_page(call, problem_of(exc))
