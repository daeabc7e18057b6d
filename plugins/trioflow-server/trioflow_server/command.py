"""``trioflow serve``. Imports its dependencies when it is called."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    import trio

    from trioflow_server.settings import Settings

Repeated = Annotated[list[str] | None, Parameter(negative="")]
Flag = Annotated[bool, Parameter(negative="")]


async def serve(
    *targets: str,
    store: str | None = None,
    host: str = "127.0.0.1",
    port: int = 8765,
    token_file: str | None = None,
    cors_origin: Repeated = None,
    base_path: str = "",
    allowed_host: Repeated = None,
    allow_unauthenticated: Flag = False,
    expose_tool: Repeated = None,
    no_chunks: Flag = False,
    no_schedules: Flag = False,
    show_sources: Flag = False,
    show_stacks: Flag = False,
    certfile: str | None = None,
    keyfile: str | None = None,
    max_body: int | None = None,
    max_header: int | None = None,
    max_connections: int | None = None,
    max_connections_per_client: int | None = None,
    max_streams: int | None = None,
    request_timeout: float | None = None,
    head_timeout: float | None = None,
    heartbeat: float | None = None,
    grace: float = 5.0,
) -> int:
    """Put workflows on HTTP: an API, event streams and a page.

    Serves all installed workflows and those that are named. The first line on standard output
    is the URL. SIGTERM and Ctrl-C end streams, let running steps finish and leave all runs
    recoverable.

    Parameters
    ----------
    targets
        More workflows, as MODULE:ATTR.
    store
        URL of the store, such as sqlite:runs.db; default: $TRIOFLOW_STORE, or memory.
    host
        Address to listen on.
    port
        Port to listen on; 0 for any free one.
    token_file
        File with one bearer token per line: TOKEN [name=ada] [scopes=read,start,answer,admin]
        [resources=a,b]. $TRIOFLOW_TOKENS holds such lines, too.
    cors_origin
        Origin of pages that may use the API, such as http://localhost:3000. May be repeated.
    base_path
        Path in front of all routes, such as /flows.
    allowed_host
        Host name that requests may be for besides those of this machine. May be repeated.
    allow_unauthenticated
        Listen on a public address although everybody can do everything.
    expose_tool
        Id of a tool that can be executed over HTTP, or * for all. May be repeated.
    no_chunks
        Do not keep chunks of steps and pieces of tools in the journal.
    no_schedules
        Do not start the runs of schedules.
    show_sources
        Describe conditions by their source instead of their name.
    show_stacks
        Send errors with tracebacks, which show paths of this machine.
    certfile
        File with the certificates, for TLS.
    keyfile
        File with the key of the certificate.
    max_body
        Largest body of a request in bytes; default: 4718592.
    max_header
        Largest head of a request in bytes; default: 32768.
    max_connections
        Most open connections; default: 4096.
    max_connections_per_client
        Most open connections of one address; default: 2048.
    max_streams
        Most open streams of one client; default: 2048.
    request_timeout
        Seconds that a client may take to send a body; default: 20.
    head_timeout
        Seconds that a client may take to send a head; default: 10.
    heartbeat
        Seconds after which a quiet stream gets a sign of life; default: 15.
    grace
        Seconds that running steps get when the server ends; default: 5.
    """
    from trioflow_server.settings import read_settings

    limits = {
        "body_bytes": max_body,
        "header_bytes": max_header,
        "connections": max_connections,
        "connections_per_client": max_connections_per_client,
        "streams_per_client": max_streams,
        "request_seconds": request_timeout,
        "head_seconds": head_timeout,
        "heartbeat_seconds": heartbeat,
    }
    settings = read_settings(
        host=host,
        port=port,
        certfile=certfile,
        keyfile=keyfile,
        token_file=token_file,
        cors_origins=cors_origin or (),
        base_path=base_path,
        allowed_hosts=allowed_host or (),
        allow_unauthenticated=allow_unauthenticated,
        exposed_tools=expose_tool or (),
        show_sources=show_sources,
        show_stacks=show_stacks,
        limits={name: value for name, value in limits.items() if value is not None},
    )
    options = {"journal_chunks": not no_chunks, "schedule": not no_schedules}
    await _serve(settings, targets, store, options, grace)
    return 0


async def _serve(
    settings: Settings,
    targets: Sequence[str],
    store: str | None,
    options: Mapping[str, Any],
    grace: float,
) -> None:
    import trio

    from trioflow import open_engine
    from trioflow.commands import find_plugins, find_workflow
    from trioflow.instruments import StepTracker
    from trioflow_server.app import create_app
    from trioflow_server.serving import open_server

    logging.basicConfig(level=logging.INFO, format="%(message)s")
    workflows = [find_workflow(target).workflow for target in targets if ":" in target]
    for target in targets:
        find_workflow(target)  # or say what there is
    async with (
        _ended_by_signals() as ended,
        open_engine(
            store=_store_url(store),
            values=_values_url(),
            workflows=workflows,
            plugins=find_plugins(targets),
            instruments=[StepTracker()],  # tells of which run a log record is
            recover=True,
            **options,
        ) as engine,
    ):
        app = create_app(engine, settings.for_engine(engine))
        async with open_server(app, settings.binding) as server:
            print(server.url, flush=True)
            await ended.wait()
            server.stop()
            await app.close_streams()
            await engine.drain(grace)
        await trio.lowlevel.checkpoint()


def _store_url(given: str | None) -> str:
    import os

    return given or os.environ.get("TRIOFLOW_STORE") or "memory:"


def _values_url() -> str | None:
    import os

    return os.environ.get("TRIOFLOW_VALUES") or None


@asynccontextmanager
async def _ended_by_signals() -> AsyncGenerator[trio.Event, None]:
    """Set an event at the first signal to end; cancel the block at the second."""
    import signal

    import trio

    ended = trio.Event()
    async with trio.open_nursery() as nursery:

        async def listen(*, task_status: trio.TaskStatus[None]) -> None:
            with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
                task_status.started()
                async for _ in signals:
                    if ended.is_set():
                        nursery.cancel_scope.cancel()
                    ended.set()

        await nursery.start(listen)
        yield ended
        nursery.cancel_scope.cancel()
