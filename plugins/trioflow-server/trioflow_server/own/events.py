"""The events of a run as an exact stream: nothing twice, and what is missing is reported."""

from __future__ import annotations

from typing import Any, Literal, get_args

import attrs
from starlette.responses import Response

from trioflow import errors
from trioflow import events as ev
from trioflow.wire import DIALECTS, Dialect
from trioflow_server.answers import json_answer
from trioflow_server.calls import Call
from trioflow_server.finding import find_in, read_record
from trioflow_server.problems import Issue, Problem
from trioflow_server.sending import Emit, Flow, StreamAnswer
from trioflow_server.values import dump

Format = Literal["sse", "ndjson", "json"]
Until = Literal["suspended", "finished"]

RETRY = b"retry: 2000\n\n"
"""How many milliseconds browsers wait before they connect again."""


@attrs.frozen(kw_only=True)
class Wanted:
    """What a client asks for."""

    after: int = -1
    until: Until = "finished"
    dialect: Dialect = "mastra-1"
    format: Format = "sse"


async def stream_events(call: Call) -> Response:
    """Send the events of a run: past ones, and those that come."""
    wanted = read_wanted(call)
    run_id = call.path("run_id")
    found = await find_in(call, run_id, newest=False)
    if found.is_pending:
        raise Problem(409, "The run has not started", "run-not-started")
    if wanted.format == "json":
        return await list_events(call, run_id, wanted)
    writer = SseWriter() if wanted.format == "sse" else LineWriter()
    feed = EventFeed(call, run_id, wanted, writer)
    return StreamAnswer(call, feed.produce, writer.media_type, writer.heartbeat, writer.farewell)


def read_wanted(call: Call) -> Wanted:
    """Return what the query and the headers ask for.

    Raises:
      Problem: if it is not valid.
    """
    query = call.query
    after = query.number("after", least=-1)
    last = call.request.headers.get("last-event-id", "").strip()
    if last:  # what a browser has seen since is more than what the page asked for
        if not (last.isascii() and last.isdigit() and len(last) < 20):
            query.issues.append(Issue("Last-Event-ID", "Expected a whole number"))
        else:
            after = max(int(last), -1 if after is None else after)
    until = query.chosen("until", get_args(Until)) or "finished"
    dialect = query.chosen("dialect", DIALECTS) or "mastra-1"
    format = query.chosen("format", get_args(Format)) or _accepted(call)
    query.check()
    seq = -1 if after is None else after
    chosen: Any = {"until": until, "dialect": dialect, "format": format}
    return Wanted(after=seq, **chosen)


def _accepted(call: Call) -> Format:
    accept = call.request.headers.get("accept", "")
    if "text/event-stream" in accept:
        return "sse"
    return "ndjson" if "application/x-ndjson" in accept else "sse"


async def list_events(call: Call, run_id: str, wanted: Wanted) -> Response:
    """Return the events that there are so far."""
    engine, found = call.service.engine, []
    last = (await read_record(call.service, run_id)).next_seq - 1
    if wanted.after < last:
        async with engine.observe(run_id, wanted.after, until="finished") as stream:
            async for event in stream:
                found.append(call.service.shower.event(event, wanted.dialect))
                if event.seq >= last:
                    break
    return json_answer({"events": found, "last": last})


# ---------------------------------------------------------------- writing
class SseWriter:
    """Writes Server-Sent Events."""

    media_type = "text/event-stream"
    heartbeat = b": still here\n\n"
    farewell = b": the server is closing\n\n"
    opening = RETRY

    def event(self, seq: int, type: str, data: bytes) -> bytes:
        """Return an event; its id is what a client sends to continue after it."""
        return b"id: %d\nevent: %s\ndata: %s\n\n" % (seq, type.encode(), data)

    def gap(self, data: bytes) -> bytes:
        """Return the report of a gap. Without an id: the last event stays the last one."""
        return b"event: gap\ndata: %s\n\n" % data


class LineWriter:
    """Writes one JSON object per line."""

    media_type = "application/x-ndjson"
    heartbeat = b"\n"
    farewell = b'{"type":"closing"}\n'
    opening = b""

    def event(self, seq: int, type: str, data: bytes) -> bytes:
        """Return an event."""
        return data + b"\n"

    def gap(self, data: bytes) -> bytes:
        """Return the report of a gap."""
        return data + b"\n"


@attrs.define(eq=False)
class EventFeed:
    """One stream of events."""

    call: Call
    run_id: str
    wanted: Wanted
    writer: SseWriter | LineWriter
    last: int = -1
    """The ``seq`` of the last event that was sent, or was not asked for."""

    async def produce(self, emit: Emit) -> None:
        """Emit the events."""
        self.last = self.wanted.after
        if self.writer.opening:
            await emit(self.writer.opening)
        while True:
            try:
                await self._read_on(emit)
            except errors.HistoryGap as gap:  # without a journal, old events are forgotten
                await emit(self._gap(gap.first_available))
            except errors.UnknownRunError:
                return  # it was deleted
            else:
                return

    async def _read_on(self, emit: Emit) -> None:
        service, wanted = self.call.service, self.wanted
        observing = service.engine.observe(
            self.run_id,
            self.last,
            until=wanted.until,
            max_buffer_size=service.options.limits.stream_buffer,
        )
        async with observing as stream:
            flow = Flow(emit, service.streams)
            while batch := await stream.receive_some():
                for event in batch:
                    if event.seq > self.last + 1:
                        await flow.add(self._gap(event.seq))
                    self.last = event.seq
                    await flow.add(self._written(event))
                await flow.flush()

    def _written(self, event: ev.Event) -> bytes:
        dialect, writer, service = self.wanted.dialect, self.writer, self.call.service

        def write() -> bytes:
            return writer.event(event.seq, event.type, dump(service.shower.event(event, dialect)))

        return service.pieces.get(event, (dialect, writer.media_type), write)

    def _gap(self, following: int) -> bytes:
        """Report that events are missing: those that a journal does not keep, or forgotten ones."""
        gap = {
            "type": "gap",
            "runId": self.run_id,
            "after": self.last,
            "before": following,
            "missing": following - self.last - 1,
        }
        self.last = following - 1
        return self.writer.gap(dump(gap))
