"""The page of the schedules: the next and the last ticks of each."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
from starlette.responses import Response

from trioflow import RunInfo
from trioflow.abc import TickRecord
from trioflow.schedules import ScheduleInfo
from trioflow_server.calls import Call
from trioflow_server.pages.rendering import render
from trioflow_server.scheduling.handling import visible
from trioflow_server.scheduling.shapes import run_of

SHOWN = 5
"""How many next and last ticks are shown of a schedule."""
MOST = 200
"""How many schedules are shown."""


@attrs.frozen
class Last:
    """A tick that was decided, and its run."""

    record: TickRecord
    run: RunInfo | None


@attrs.frozen
class Timetable:
    """A schedule for its page."""

    info: ScheduleInfo
    coming: Sequence[float]
    """Seconds since the epoch."""
    last: Sequence[Last]


async def show_schedules(call: Call) -> Response:
    """Show all schedules."""
    found = await visible(call)
    tables = [await _timetable(call, info) for info in found[:MOST]]
    return render(call, "schedules.html", tables=tables, more=len(found) - len(tables))


async def _timetable(call: Call, info: ScheduleInfo) -> Timetable:
    schedules = call.service.engine.schedules
    stops = info.is_paused or info.is_orphaned or info.error is not None
    coming = () if stops else await schedules.next(info.id, SHOWN)
    records = await schedules.ticks(info.id, SHOWN)
    last = [Last(record, await run_of(call, record)) for record in records]
    return Timetable(info, [tick.timestamp() for tick in coming], last)
