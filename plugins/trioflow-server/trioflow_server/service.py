"""What all requests to one application share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import trio

from trioflow import Engine
from trioflow.abc import Authenticator
from trioflow_server.compat.graph import Describer
from trioflow_server.compat.records import Recorder
from trioflow_server.options import ServerOptions
from trioflow_server.pages.logs import RunLogs
from trioflow_server.pages.shared_parts import SharedParts
from trioflow_server.pending import PendingRuns
from trioflow_server.problems import Problem
from trioflow_server.remembering import RecordCache
from trioflow_server.safety.sessions import Sessions
from trioflow_server.seen.measures import Measures
from trioflow_server.sharing import SharedPieces
from trioflow_server.streams import OpenStreams
from trioflow_server.values import Shower


@attrs.define(eq=False)
class Service:
    """One application: its engine, its options, and what it holds in memory."""

    engine: Engine
    options: ServerOptions
    authenticator: Authenticator | None
    sessions: Sessions | None = None
    """Sessions of browsers, if tokens are what says who sends requests."""
    tracer_provider: Any = None
    """Of the spans of requests; None for the global one."""
    measures: Measures = attrs.field(factory=Measures)
    closing: trio.Event = attrs.field(factory=trio.Event)
    """Set when the server begins to shut down: streams then end, and no run is started."""
    shower: Shower = attrs.field(init=False)
    recorder: Recorder = attrs.field(init=False)
    describer: Describer = attrs.field(init=False)
    records: RecordCache = attrs.field(factory=RecordCache)
    pending: PendingRuns = attrs.field(factory=PendingRuns)
    parts: SharedParts = attrs.field(factory=SharedParts)
    pieces: SharedPieces = attrs.field(factory=SharedPieces)
    logs: RunLogs = attrs.field(factory=RunLogs)
    streams: OpenStreams = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.shower = Shower(self.engine.converter, self.options.show_stacks)
        self.describer = Describer(self.engine, self.options.show_sources)
        self.recorder = Recorder(self.shower, self.order_of)
        self.streams = OpenStreams(self.options.limits.streams_per_client)

    def order_of(self, workflow_id: str) -> Sequence[str]:
        """Return the ids of all steps of a workflow, in the order of their definition."""
        workflow = self.engine.workflows.get(workflow_id)
        return () if workflow is None else self.describer.order(workflow)

    def check_open(self) -> None:
        """Check that runs can be started.

        Raises:
          Problem: if the server shuts down.
        """
        if self.closing.is_set():
            raise Problem(503, "The server is shutting down", "closing", (), {"retry-after": "5"})

    def exposes(self, tool_id: str) -> bool:
        """Return whether a tool can be executed over HTTP."""
        exposed = self.options.exposed_tools
        return "*" in exposed or tool_id in exposed
