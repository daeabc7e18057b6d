"""The options of the server: what it serves, to whom, and how much of it."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from trioflow.abc import Principal

LOCAL_HOSTS = ("127.0.0.1", "localhost", "[::1]")
"""Names that a request may have in its ``Host`` header unless more are allowed."""


@attrs.frozen(kw_only=True)
class Limits:
    """Limits of one server. Requests beyond them are refused; open streams are never ended."""

    body_bytes: int = 4_718_592
    """Largest body of a request: 4.5 MiB."""
    header_bytes: int = 32_768
    """Largest head of a request: its line and its headers."""
    connections: int = 4_096
    """Open connections at the same time."""
    connections_per_client: int = 2_048
    """Open connections of one address. Behind a proxy, all come from its address."""
    streams_per_client: int = 2_048
    """Open streams of one principal, or of one address if there is no authentication."""
    request_seconds: float = 20.0
    """Seconds that a client may take to send the body of a request."""
    head_seconds: float = 10.0
    """Seconds that a client may take to send the head of a request, and to send another one."""
    stream_buffer: int = 64
    """Events that are read ahead for one stream. A slower client then reads from the journal."""
    heartbeat_seconds: float = 15.0
    """Seconds without an event after which a stream gets a sign of life."""
    page_size: int = 1_000
    """Most runs on one page of a list. A list without pages shows the steps of so many runs."""


@attrs.frozen(kw_only=True)
class ServerOptions:
    """How an application answers. See ``trioflow serve --help`` for the same options."""

    base_path: str = ""
    """Path in front of all routes, such as ``"/flows"``, if nothing mounts the application."""
    allowed_hosts: tuple[str, ...] = ()
    """Host names of requests to accept besides those of this machine, without the port. ``"*"``
    accepts all."""
    cors_origins: tuple[str, ...] = ()
    """Origins of pages that may use the API: ``"http://localhost:3000"``."""
    tokens: Mapping[str, Principal] = attrs.field(factory=dict, repr=False)
    """Who may do what, by bearer token; `trioflow_server.safety.tokens` reads them from files."""
    allow_unauthenticated: bool = False
    """Whether anybody may do everything if there are neither tokens nor an authenticator."""
    exposed_tools: tuple[str, ...] = ()
    """Ids of tools that can be executed over HTTP; ``"*"`` exposes all."""
    show_sources: bool = False
    """Whether descriptions contain the source of conditions that are short lambdas."""
    show_stacks: bool = False
    """Whether errors are sent with tracebacks, which show paths of this machine."""
    limits: Limits = attrs.field(factory=Limits)
