"""Finds the run that a request is about, if the principal may see it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import attrs

from trioflow import Run, RunInfo, RunRecord
from trioflow.abc import Principal
from trioflow.errors import (
    InvalidIdError,
    JournalFormatError,
    UnknownRunError,
    WorkflowChangedError,
)
from trioflow.events import ACTIVE_STATUSES, FINISHED_STATUSES
from trioflow_server.calls import Call
from trioflow_server.compat.records import Shown
from trioflow_server.problems import Problem, run_not_found
from trioflow_server.service import Service

MAX_ID = 200
"""Most characters of an id that a client chooses."""
_BREAKING = frozenset("/?#%\\&+;,<>\"'`{}|^[] ")
"""Characters that URLs, logs or pages may take for something else."""


def check_run_id(run_id: str) -> None:
    """Check an id that a client chooses for a new run: clients put it into URLs as it is.

    Raises:
      Problem: if it would break a URL.
    """
    is_plain = run_id.isprintable() and not _BREAKING & set(run_id)
    if not run_id or len(run_id) > MAX_ID or not is_plain or not run_id.strip("."):
        problem = "Invalid run id: use 1 to 200 letters, digits and -_.~:@"
        raise Problem(400, problem, "invalid-id")


def travel_tag(run_id: str) -> str:
    """Return the tag of the runs that a time travel has made from a run: a stored link."""
    return "travel-of:" + hashlib.sha256(run_id.encode()).hexdigest()[:32]


@attrs.frozen
class Found:
    """A run that the principal may see."""

    service: Service
    run_id: str
    """The id in the request."""
    info: RunInfo
    """Of the newest run under that id."""
    first: RunInfo
    """Of the run that has that id itself."""

    @property
    def actual_id(self) -> str:
        """Id of the newest run under that id: itself, or where it has travelled."""
        return self.info.run_id

    @property
    def is_pending(self) -> bool:
        """Whether it was created and not started."""
        return self.info.status == "pending" or self.is_only_here

    @property
    def is_only_here(self) -> bool:
        """Whether no store has it, so that only this application remembers it."""
        return self.service.pending.find(self.run_id) is not None

    async def load(self) -> Run[Any, Any]:
        """Return the run.

        Raises:
          Problem: if it has not started.
        """
        if self.is_pending:
            raise Problem(409, "The run has not started", "run-not-started")
        return await self.service.engine.load_run(self.actual_id)

    async def shown(self) -> Shown:
        """Return the run with its record."""
        record = None if self.is_pending else await self._record()
        info = self.info if self.is_pending else await self._fresh()
        return Shown(self.run_id, info, record, self.first.created_at)

    async def _record(self) -> RunRecord:
        """Return what is recorded; of a run that has finished it is remembered for a while."""
        if self.info.status not in FINISHED_STATUSES:
            return await read_record(self.service, self.actual_id)
        known = self.service.records.get(self.info)
        if known is None:
            known = await read_record(self.service, self.actual_id)
            self.service.records.put(self.info, known)
        return known

    async def _fresh(self) -> RunInfo:
        return await self.service.engine.find_run_info(self.actual_id)


async def read_record(service: Service, run_id: str) -> RunRecord:
    """Return what is recorded of a run, also if its workflow has changed since."""
    try:
        return (await service.engine.load_run(run_id)).record
    except (WorkflowChangedError, JournalFormatError):
        record = RunRecord()
        async with service.engine.observe(run_id) as stream:
            async for event in stream:
                record.apply(event)
        return record


async def find_run(
    service: Service, principal: Principal, workflow_id: str, run_id: str, *, newest: bool = True
) -> Found:
    """Return a run of a workflow.

    Args:
      newest: Whether a run that has travelled is found where it is now.

    Raises:
      Problem: if the workflow has no such run that the principal may see.
    """
    first = await look_up(service, run_id)
    if first is None or first.workflow_id != workflow_id or not principal.sees(first.resource_id):
        raise run_not_found()
    info = first
    if newest and first.status not in ACTIVE_STATUSES:
        travels = await travels_of(service, first)
        info = travels[0] if travels else first
    return Found(service, run_id, info, first)


async def find_in(call: Call, run_id: str, *, newest: bool = True) -> Found:
    """Return a run of the workflow in the path; see `find_run`."""
    call.watched.about(run_id)
    workflow = call.workflow()
    return await find_run(call.service, call.principal, workflow.id, run_id, newest=newest)


async def look_up(service: Service, run_id: str) -> RunInfo | None:
    """Return a run that exists or is pending; None if there is none."""
    try:
        return await service.engine.find_run_info(run_id)
    except (UnknownRunError, InvalidIdError):
        return service.pending.find(run_id)


async def travels_of(service: Service, info: RunInfo) -> Sequence[RunInfo]:
    """Return the newest run that a time travel has made from a run, if any."""
    tags = [travel_tag(info.run_id)]
    return await service.engine.list_runs(workflow=info.workflow_id, tags=tags, limit=1)
