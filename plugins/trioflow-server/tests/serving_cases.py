"""Serves the workflows of recorded cases until SIGTERM."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from typing import Any

import trio
from trioflow_server import Binding, ServerOptions, create_app, open_server

from trioflow import open_engine

from .case_workflows import CasePlugin, offered_by


async def serve(case: Mapping[str, Any], port: int = 0, origins: Sequence[str] = ()) -> None:
    """Serve a case on this machine, and print the URL as the first line.

    Args:
      origins: Origins of pages that may use the server.
    """
    offered = offered_by(case)
    options = ServerOptions(
        allow_unauthenticated=True, exposed_tools=("*",), cors_origins=tuple(origins)
    )
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async with open_engine(
            store="memory:",
            plugins=[CasePlugin()],
            workflows=offered.workflows,
            tools=offered.tools,
            journal_chunks=True,
        ) as engine:
            app = create_app(engine, options)
            async with open_server(app, Binding(port=port)) as server:
                print(server.url, flush=True)
                async for _ in signals:
                    break
