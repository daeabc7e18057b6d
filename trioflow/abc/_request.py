"""What any process may ask of a run: the requests that a store keeps until they are applied."""

from __future__ import annotations

from typing import Literal

import attrs

from trioflow.errors import (
    InboxFullError,
    RequestTooLargeError,
    RunFinishedError,
    TrioflowError,
    UnknownRunError,
)
from trioflow.events import FINISHED_STATUSES, RunStatus

RequestKind = Literal["cancel", "event", "resume", "drain"]
"""What a run is asked for."""

MAX_REQUESTS = 1000
"""How many requests may be pending for one run."""
MAX_REQUEST_BYTES = 2**20
"""How long the payload of a request may be: bytes of UTF-8."""


@attrs.frozen(kw_only=True)
class Request:
    """Something that a run is asked for from outside, kept until its effect is recorded."""

    run_id: str
    kind: RequestKind
    payload: str = "null"
    """JSON. What it means is up to the kind."""
    by: str | None = None
    """Who asked, for the journal."""
    at: float
    """When it was asked: seconds since the epoch, on the clock of who asked."""
    id: int = 0
    """Given by the store: ascending for each run, above 0, and never used again."""

    def refusal(self, status: RunStatus | None, pending: int) -> TrioflowError | None:
        """Return why a store has to refuse this, or None. For authors of stores.

        Args:
          status: Status of the stored run; None if there is no such run.
          pending: How many requests are pending for it.
        """
        if status is None:
            return UnknownRunError(self.run_id)
        if status in FINISHED_STATUSES:
            return RunFinishedError(self.run_id, status, f"it takes no {self.kind} any more")
        size = len(self.payload.encode("utf-8", "surrogatepass"))
        if size > MAX_REQUEST_BYTES:
            problem = f"the payload has {size:,} bytes; at most {MAX_REQUEST_BYTES:,} are taken"
            return RequestTooLargeError(self.run_id, self.kind, problem)
        if pending >= MAX_REQUESTS:
            problem = f"{pending:,} requests are pending already; does any process run it?"
            return InboxFullError(self.run_id, self.kind, problem)
        return None
