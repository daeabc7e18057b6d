"""The runs of an engine: which there are, and who keeps them alive."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any
from weakref import WeakValueDictionary

from trioflow.engine.run import Run
from trioflow.errors import JournalConflictError, NotSerializableError, StoreError
from trioflow.state import RESUMABLE

logger = logging.getLogger("trioflow")

KEEP_FINISHED = 256
"""How many submitted runs an engine remembers after their end."""


class RunRegistry:
    """Finds runs by id, and holds those that nobody else may hold."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[str, Run[Any, Any]] = WeakValueDictionary()
        self._submitted: dict[str, Run[Any, Any]] = {}
        self._waiting: dict[str, Run[Any, Any]] = {}
        self._is_closing = False
        self._finished: deque[Run[Any, Any]] = deque(maxlen=KEEP_FINISHED)

    def add(self, run: Run[Any, Any]) -> None:
        """Know a run as long as someone holds it."""
        self._known[run.run_id] = run

    def find(self, run_id: str) -> Run[Any, Any] | None:
        """Return the run of that id, or None."""
        return self._known.get(run_id)

    def known(self) -> list[Run[Any, Any]]:
        """Return all runs that are known, oldest first."""
        return list(self._known.values())

    def keep(self, run: Run[Any, Any]) -> None:
        """Hold a run that is about to be driven."""
        self._submitted[run.run_id] = run

    async def drive(self, run: Run[Any, Any]) -> None:
        """Drive a run to where it settles, and hold it for a while then."""
        if self._is_closing:  # it was answered while the engine waited for others to end
            run.halt()
        try:
            # Whatever cancels the engine reaches its runs through end_all, never directly: a
            # durable run must not take the end of its process for its own.
            await run.execution.drive(is_shielded=True)
        except (StoreError, JournalConflictError, NotSerializableError) as exc:
            # run.wait() raises it; the other runs of the engine go on.
            logger.error("run %s could not be saved: %s", run.run_id, exc)
        finally:
            if self._submitted.get(run.run_id) is run:  # it may have been recovered already
                del self._submitted[run.run_id]
            self._keep_settled(run)

    def _keep_settled(self, run: Run[Any, Any]) -> None:
        waits = run.status in RESUMABLE
        if waits and run.execution.keeper is None:
            self._waiting[run.run_id] = run  # nobody else has it
            return
        self._waiting.pop(run.run_id, None)
        self._finished.append(run)
        if not waits:
            run.execution.spawn = None  # it holds the run, which should go when we forget it

    def end_all(self) -> None:
        """Stop all runs that are driven: durable ones can go on later, others are canceled."""
        self._is_closing = True
        for run in self._submitted.values():
            run.execution.halt()
