"""Runs that clients have created and not started, where the engine has no store to keep them."""

from __future__ import annotations

import time
from collections import OrderedDict

import attrs

from trioflow import RunInfo
from trioflow.context import MISSING

MOST = 10_000
"""How many are remembered; the oldest is forgotten first."""


@attrs.define(eq=False)
class PendingRuns:
    """Created runs by id, oldest first."""

    _runs: OrderedDict[str, RunInfo] = attrs.field(factory=OrderedDict)

    def add(self, run_id: str, workflow_id: str, resource_id: str | None) -> None:
        """Remember a run."""
        now = time.time()
        self._runs[run_id] = RunInfo(
            run_id=run_id,
            workflow_id=workflow_id,
            status="pending",
            resource_id=resource_id,
            created_at=now,
            updated_at=now,
            input=MISSING,
        )
        while len(self._runs) > MOST:
            self._runs.popitem(last=False)

    def find(self, run_id: str) -> RunInfo | None:
        """Return a run; None if it is not remembered."""
        return self._runs.get(run_id)

    def cancel(self, run_id: str) -> None:
        """Cancel a run, so that it never starts."""
        info = self._runs[run_id]
        self._runs[run_id] = attrs.evolve(info, status="canceled", updated_at=time.time())

    def discard(self, run_id: str) -> None:
        """Forget a run, because it has started or was deleted."""
        self._runs.pop(run_id, None)

    def of(self, workflow_id: str) -> list[RunInfo]:
        """Return the runs of a workflow, newest first."""
        found = [info for info in self._runs.values() if info.workflow_id == workflow_id]
        return found[::-1]
