"""Reads runs for pages, also those whose workflow is not known here."""

from __future__ import annotations

from collections.abc import AsyncIterator

import attrs
import trio

from trioflow import RunInfo, RunRecord
from trioflow.errors import (
    HistoryGap,
    JournalFormatError,
    UnknownNameError,
    UnreadableRunError,
    WorkflowChangedError,
)
from trioflow.events import FINISHED_STATUSES, WAITING_STATUSES, Event
from trioflow_server.calls import Call
from trioflow_server.finding import look_up
from trioflow_server.problems import run_not_found
from trioflow_server.service import Service

QUIET = 0.5
"""Seconds without an event after which a run that another process drives has no more for now."""


@attrs.frozen
class StoredRun:
    """A run that the principal may see."""

    info: RunInfo
    record: RunRecord | None
    """None if it has not started."""

    @property
    def run_id(self) -> str:
        """Its id."""
        return self.info.run_id

    @property
    def status(self) -> str:
        """Its status, as far as its events say."""
        return self.info.status if self.record is None else self.record.status

    @property
    def is_finished(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in FINISHED_STATUSES

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for an answer, or to be continued."""
        return self.status in WAITING_STATUSES

    @property
    def last_seq(self) -> int:
        """``seq`` of its last event; -1 if there is none."""
        return -1 if self.record is None else self.record.next_seq - 1


async def find_info(call: Call, run_id: str) -> RunInfo:
    """Return a run, if the principal may see it.

    Raises:
      Problem: if there is none.
    """
    call.watched.about(run_id)
    info = await look_up(call.service, run_id) if run_id else None
    if info is None or not call.principal.sees(info.resource_id):
        raise run_not_found()
    return info


async def find_stored(call: Call, run_id: str) -> StoredRun:
    """Return a run with its record.

    Raises:
      Problem: if there is none.
    """
    info = await find_info(call, run_id)
    if info.status == "pending" or call.service.pending.find(run_id) is not None:
        return StoredRun(info, None)
    return StoredRun(info, await _record_of(call.service, info))


async def _record_of(service: Service, info: RunInfo) -> RunRecord:
    try:
        return (await service.engine.load_run(info.run_id)).record
    except (WorkflowChangedError, JournalFormatError, UnknownNameError, UnreadableRunError):
        record = RunRecord()
        async for event in read_events(service, info.run_id, -1, None):
            try:
                record.apply(event)
            except JournalFormatError:  # the rest of a damaged journal is not shown
                break
        return record


async def read_events(
    service: Service, run_id: str, after: int, last: int | None
) -> AsyncIterator[Event]:
    """Yield the events of a run up to *last*, or, with None, all that there are."""
    if last is not None and after >= last:
        return
    try:
        async with service.engine.observe(run_id, after, until="finished") as stream:
            while True:
                with trio.move_on_after(QUIET if last is None else float("inf")):
                    try:
                        event = await stream.receive()
                    except trio.EndOfChannel:
                        return
                    yield event
                    if last is not None and event.seq >= last:
                        return
                    continue
                return
    except HistoryGap as gap:  # without a journal, old events are forgotten
        async for kept in read_events(service, run_id, gap.first_available - 1, last):
            yield kept
