"""The values that a store keeps of runs: headers, entries, and what is added in one go."""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise

import attrs

from trioflow.errors import JournalConflictError
from trioflow.events import RunStatus


@attrs.frozen(kw_only=True)
class RunHeader:
    """What is known of a run from its first moment on."""

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
    """By which runs can be listed, in the order in which they were given."""
    input: str | None = None
    """The input as JSON, so that lists can show it without reading journals."""


@attrs.frozen
class Entry:
    """One event of a journal."""

    seq: int
    """The event's ``seq``. Entries of a run ascend; events that are not journaled leave gaps."""
    at: float
    """Seconds since the epoch."""
    text: str
    """The event as JSON text."""


@attrs.frozen(kw_only=True)
class Append:
    """Entries to add to the journal of one run, and what changes with them; all or none."""

    run_id: str
    entries: tuple[Entry, ...]
    after: int
    """The ``seq`` of the last entry that is stored, -1 for none. Guards against two writers."""
    status: RunStatus
    """Status of the run after these entries. With one of `FINISHED_STATUSES` all requests that are
    pending for the run are removed: nobody would apply them."""
    header: RunHeader | None = None
    """Given with the first entries of a run, and only then."""
    owner: str | None = None
    """Who writes. With *header* it claims the run, in the same transaction, as `Store.claim`
    does. Otherwise it must be the owner of the run, None if nobody is: the append conflicts if
    another process has taken the run over, and an append without owner if the run is claimed."""
    claim_seconds: float = 0.0
    """With *header* and *owner*: for how long."""
    due_at: float | None = None
    """When the run has something to do even if nothing is asked of it, such as a question that
    expires: seconds since the epoch. Replaces what an earlier append said."""
    requests: tuple[int, ...] = ()
    """Ids of requests for this run whose effect these entries record. They are removed in the
    same transaction; ids that are no longer pending are ignored."""

    def conflict(self, last_seq: int | None, owner: str | None) -> JournalConflictError | None:
        """Return why a store has to refuse this, or None. For authors of stores.

        Args:
          last_seq: The last ``seq`` of the stored journal, -1 if it has no entries; None if
            there is no such run.
          owner: Who has claimed the stored run, even if the claim has expired.
        """
        problem = self._misplaced(last_seq) or self._fenced(owner)
        return JournalConflictError(self.run_id, problem) if problem else None

    def _misplaced(self, last_seq: int | None) -> str | None:
        if last_seq is None and self.header is None:
            return "there is no such run"
        if last_seq is not None and self.header is not None:
            return "there is such a run already"
        ends = -1 if last_seq is None else last_seq
        if self.after != ends:
            return f"it ends with seq {ends}, not {self.after}"
        seqs = [self.after, *(entry.seq for entry in self.entries)]
        if any(seq >= following for seq, following in pairwise(seqs)):
            return "the entries do not ascend"
        return None

    def _fenced(self, owner: str | None) -> str | None:
        if self.header is not None or self.owner == owner:
            return None
        if self.owner is None:
            return f"it is claimed by {owner}; claim the run before you append"
        return f"{self.owner} has lost its claim" + (f" to {owner}" if owner else "")


@attrs.frozen(kw_only=True)
class StoredRun:
    """A run as a store lists it."""

    header: RunHeader
    status: RunStatus
    updated_at: float
    """Time of the last entry, of the header if there is none: seconds since the epoch."""
    last_seq: int
    """The ``seq`` of the last entry."""
    due_at: float | None = None
    """What the last append said: when the run has something to do by itself."""
    owner: str | None = None
    """Who has claimed the run and not given it back. It is free nevertheless if *held_for* is 0."""
    held_for: float = attrs.field(default=0.0, eq=False)
    """How many seconds the claim still holds unless it is renewed, when this was asked. 0 if
    the run is free: nobody has claimed it, the claim has expired, or its owner is dead. Not
    compared, because time passes between two looks at one run."""

    @property
    def cursor(self) -> str:
        """Where this run is in the order of `Store.list_runs`, to list those that follow it."""
        return f"{self.header.created_at!r}:{self.header.run_id}"


@attrs.frozen(kw_only=True)
class RunFilter:
    """Which runs are meant: those to which everything applies that is given."""

    status: Collection[RunStatus] | None = None
    """Any of these; there is no run of an empty collection."""
    workflow_id: str | None = None
    resource_id: str | None = None
    tags: Collection[str] = ()
    """All of these."""
    since: float | None = None
    """Created then or later: seconds since the epoch."""
    before: float | None = None
    """Created earlier than that."""

    def matches(self, header: RunHeader, status: RunStatus) -> bool:
        """Tell whether a run is meant."""
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
      ValueError: if it is none.
    """
    at, _, run_id = cursor.partition(":")
    try:
        return float(at), run_id
    except ValueError:
        raise ValueError(
            f"{cursor!r} is no cursor; pass StoredRun.cursor of a listed run"
        ) from None
