"""The values that a store keeps of runs: headers, entries, and appends to journals."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

import attrs

from trioflow.abc._work import DEFAULT_QUEUE
from trioflow.errors import JournalConflictError
from trioflow.events import RunStatus


@attrs.frozen(kw_only=True)
class RunHeader:
    """The facts about a run that are known when it is created."""

    run_id: str
    workflow_id: str
    resource_id: str | None = None
    created_at: float
    """Seconds since the epoch."""
    format: int
    """Version of the journal's format."""
    fingerprint: str
    """The shape of the workflow as JSON; see `trioflow._engine.planning.fingerprint`."""
    tags: tuple[str, ...] = ()
    """Labels for filtering runs, in the caller's order."""
    input: str | None = None
    """The input as JSON, so that listings can show it without reading journals."""
    queue: str = DEFAULT_QUEUE
    """The queue from which workers take the run."""
    priority: int = 0
    """Of the runs in a queue, workers take those with the highest priority first."""


@attrs.frozen
class Entry:
    """One event of a journal."""

    seq: int
    """The event's ``seq``. It ascends within a run; events that are not journaled leave gaps."""
    at: float
    """Seconds since the epoch."""
    text: str
    """The event as a JSON string."""

    @property
    def parts(self) -> Sequence[str]:
        """The text in one or more parts. The text of a long entry is only joined when it is read,
        so a store that can write the parts one by one needs less memory."""
        return (self.text,)

    @property
    def length(self) -> int:
        """Number of characters of the text."""
        return sum(map(len, self.parts))


@attrs.frozen(kw_only=True)
class Append:
    """An atomic append: entries for the journal of one run, and changes to that run."""

    run_id: str
    entries: tuple[Entry, ...]
    after: int
    """The ``seq`` of the last stored entry, -1 for none. Guards against two writers."""
    status: RunStatus
    """Status of the run after these entries. A status in `FINISHED_STATUSES` also removes all
    pending requests of the run, because no process would apply them."""
    header: RunHeader | None = None
    """Passed with the first entries of a run, and only then."""
    input: str | None = None
    """The input for the header of a stored run, which had none when it was created; only without
    *header*. None leaves the header as it is."""
    owner: str | None = None
    """The writer. With *header*, it claims the run in the same transaction, as `Store.claim`
    does. Otherwise it must equal the owner of the run, or be None if the run is unclaimed: the
    append conflicts if another process has claimed the run since."""
    claim_seconds: float = 0.0
    """Duration of that claim; only with *header* and *owner*."""
    due_at: float | None = None
    """When the run has work to do even without requests, such as a question that expires: seconds
    since the epoch. Replaces the value of earlier appends."""
    requests: tuple[int, ...] = ()
    """Ids of requests for this run whose effect these entries record. They are removed in the
    same transaction; ids that are no longer pending are ignored."""
    tick: tuple[str, float] | None = None
    """The schedule and the time of the tick whose run this begins; only with *header*, and only
    for a `ScheduleStore`. In the same transaction the record of the tick changes from ``"decided"``
    to ``"started"``. The append conflicts if that is not its decision, so a tick starts once, even
    if its run was deleted since."""

    def tick_conflict(self) -> JournalConflictError:
        """Return the conflict for a tick that is not ``"decided"``. For authors of stores."""
        return JournalConflictError(self.run_id, "its tick has started, or was never decided")

    @property
    def enqueues(self) -> bool:
        """Whether this leaves a new run to workers: it is pending, and has a first entry."""
        return self.header is not None and self.status == "pending" and bool(self.entries)

    def conflict(self, last_seq: int | None, owner: str | None) -> JournalConflictError | None:
        """Return why a store must refuse this append, or None. For authors of stores.

        Args:
          last_seq: The last ``seq`` of the stored journal, -1 if it has no entries; None if
            the run does not exist.
          owner: The owner that has claimed the stored run, even if the claim has expired.
        """
        problem = self._misplaced(last_seq) or self._fenced(owner)
        return JournalConflictError(self.run_id, problem) if problem else None

    def _misplaced(self, last_seq: int | None) -> str | None:
        if last_seq is None and self.header is None:
            return "the run does not exist"
        if last_seq is not None and self.header is not None:
            return "the run already exists"
        ends = -1 if last_seq is None else last_seq
        if self.after != ends:
            return f"it ends with seq {ends}, not {self.after}"
        seqs = [self.after, *(entry.seq for entry in self.entries)]
        if any(seq >= following for seq, following in pairwise(seqs)):
            return "the seq of the entries does not ascend"
        return None

    def _fenced(self, owner: str | None) -> str | None:
        if self.header is not None or self.owner == owner:
            return None
        if self.owner is None:
            return f"it is claimed by {owner}; claim the run before you append"
        return f"{self.owner} has lost its claim" + (f" to {owner}" if owner else "")


@attrs.frozen(kw_only=True)
class StoredRun:
    """A run as listed by a store."""

    header: RunHeader
    status: RunStatus
    updated_at: float
    """Time of the last entry, or of the header if there is none: seconds since the epoch."""
    last_seq: int
    """The ``seq`` of the last entry."""
    due_at: float | None = None
    """The ``due_at`` of the last append."""
    owner: str | None = None
    """The owner that claimed the run and has not released it. If *held_for* is 0, it is free."""
    held_for: float = attrs.field(default=0.0, eq=False)
    """Seconds until the claim expires unless it is renewed, counted from the call. 0 if the run
    is free: it is unclaimed, the claim has expired, or its owner is dead. Not compared, because
    time passes between two calls."""

    @property
    def cursor(self) -> str:
        """Position of this run in the order of `Store.list_runs`, for listing the next page."""
        return f"{self.header.created_at!r}:{self.header.run_id}"


@attrs.frozen(kw_only=True)
class RunFilter:
    """A filter for runs. A run matches if all given criteria apply to it."""

    status: Collection[RunStatus] | None = None
    """Any of these; an empty collection matches no run."""
    workflow_id: str | None = None
    resource_id: str | None = None
    tags: Collection[str] = ()
    """All of these."""
    since: float | None = None
    """Created at or after this time: seconds since the epoch."""
    before: float | None = None
    """Created before this time: seconds since the epoch."""

    def matches(self, header: RunHeader, status: RunStatus) -> bool:
        """Return whether a run matches."""
        return (
            (self.status is None or status in self.status)
            and self.workflow_id in (None, header.workflow_id)
            and self.resource_id in (None, header.resource_id)
            and (self.since is None or header.created_at >= self.since)
            and (self.before is None or header.created_at < self.before)
            and set(self.tags) <= set(header.tags)
        )


def parse_cursor(cursor: str) -> tuple[float, str]:
    """Return the ``created_at`` and ``run_id`` of a `StoredRun.cursor`.

    Raises:
      ValueError: if *cursor* is not a cursor.
    """
    at, _, run_id = cursor.partition(":")
    try:
        return float(at), run_id
    except ValueError:
        raise ValueError(
            f"{cursor!r} is not a cursor; pass StoredRun.cursor of a listed run"
        ) from None
