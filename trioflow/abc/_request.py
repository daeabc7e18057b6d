"""Requests that any process may send to a run; a store keeps them until they are applied."""

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
"""What a request asks of a run."""

MAX_REQUESTS = 1000
"""Maximum number of pending requests for one run."""
MAX_REQUEST_BYTES = 2**20
"""Maximum size of a request's payload, in bytes of UTF-8."""


@attrs.frozen(kw_only=True)
class Request:
    """A request to a run from outside, kept until its effect is recorded."""

    run_id: str
    kind: RequestKind
    payload: str = "null"
    """JSON. Its meaning depends on the kind."""
    by: str | None = None
    """The requester, for the journal."""
    at: float
    """When the request was made: seconds since the epoch, on the requester's clock."""
    id: int = 0
    """Assigned by the store: above 0, ascending for each run, and never reused."""

    def refusal(self, status: RunStatus | None, pending: int) -> TrioflowError | None:
        """Return why a store must refuse this request, or None. For authors of stores.

        Args:
          status: Status of the stored run; None if the run does not exist.
          pending: Number of requests that are pending for the run.
        """
        if status is None:
            return UnknownRunError(self.run_id)
        if status in FINISHED_STATUSES:
            return RunFinishedError(
                self.run_id, status, f"it no longer accepts {self.kind} requests"
            )
        size = len(self.payload.encode("utf-8", "surrogatepass"))
        if size > MAX_REQUEST_BYTES:
            problem = f"the payload has {size:,} bytes; the limit is {MAX_REQUEST_BYTES:,} bytes"
            return RequestTooLargeError(self.run_id, self.kind, problem)
        if pending >= MAX_REQUESTS:
            problem = f"{pending:,} requests are already pending; does any process execute the run?"
            return InboxFullError(self.run_id, self.kind, problem)
        return None
