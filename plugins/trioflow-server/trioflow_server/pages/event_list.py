"""Pages of the events of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs

from trioflow import events as ev
from trioflow_server.calls import Call
from trioflow_server.pages.showing import json_line, json_text
from trioflow_server.pages.stored import StoredRun, read_events

ON_PAGE = 200
SHOWN = ("stepName", "id", "address")
"""What the other columns show."""


@attrs.frozen
class EventRow:
    """One event."""

    seq: int
    at: float
    type: str
    id: str
    """Id of the step; empty if it is about the whole run."""
    address: str
    line: str
    """Everything else, as JSON on one line."""
    text: str
    """The same on several lines."""


@attrs.frozen
class EventPage:
    """Some events, oldest first."""

    rows: Sequence[EventRow]
    after: int
    last: int
    """``seq`` of the last event of the run."""

    @property
    def before(self) -> int | None:
        """What the page before this one is after; None if this is the first."""
        return max(self.after - ON_PAGE, -1) if self.after > -1 else None

    @property
    def following(self) -> int | None:
        """What the next page is after; None if this is the last one."""
        reached = self.after + ON_PAGE
        return reached if reached < self.last else None

    @property
    def latest(self) -> int:
        """What the last page is after."""
        return max(self.last - ON_PAGE, -1)


async def read_event_page(call: Call, run: StoredRun) -> EventPage:
    """Return the events that the address asks for."""
    after = call.query.number("after", least=-1)
    call.query.check()
    after = -1 if after is None else after
    last = min(after + ON_PAGE, run.last_seq)
    rows = [_row(call, event) async for event in read_events(call.service, run.run_id, after, last)]
    return EventPage(rows, after, run.last_seq)


def _row(call: Call, event: ev.Event) -> EventRow:
    wire = call.service.shower.event(event, "mastra-1")
    payload: Any = wire.get("payload", wire)
    payload = {key: value for key, value in payload.items() if key not in SHOWN}
    id = event.id if isinstance(event, ev.StepEvent) else ""
    address = event.address if isinstance(event, ev.StepEvent) else ""
    return EventRow(
        event.seq, event.at, event.type, id, address, json_line(payload), json_text(payload)
    )
