"""What a store should hold and answer, as a dict; and the calls that it is tried with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
from hypothesis import strategies as st

from trioflow.abc import Append, Entry, RunHeader
from trioflow.events import RunStatus

LONG_AGO = 1000.0
"""Seconds since the epoch: when everything happens. No real run is as old."""
OVER = ("success", "failed", "canceled")
HOLDS = 1000.0
"""Seconds: a claim that does not expire while it is looked at. The other ones take 0."""

names = st.sampled_from(["a", "b", "c"])
owners = st.sampled_from(["me", "you"])
durations = st.sampled_from([0.0, HOLDS])
moments = st.integers(0, 12).map(lambda seconds: LONG_AGO + seconds)
statuses: st.SearchStrategy[RunStatus] = st.sampled_from(
    ["pending", "running", "suspended", "success", "failed"]
)
workflow_ids = st.sampled_from(["w", "W"])
resource_ids = st.sampled_from([None, "r", "R"])


@attrs.frozen
class Draft:
    """An append that has yet to be fitted to the run."""

    name: str
    begins: bool
    """Whether it has a header."""
    distance: int
    """By how much it misses the last entry."""
    steps: list[int]
    """From each ``seq`` to the next."""
    moment: float
    status: RunStatus
    owner: str | None
    claim_seconds: float
    header: dict[str, Any]


drafts = st.builds(
    Draft,
    name=names,
    begins=st.booleans(),
    distance=st.sampled_from([0, 0, 0, 0, 0, -1, 1, -7]),
    steps=st.lists(st.sampled_from([1, 1, 1, 1, 3, 0, -1]), max_size=4),
    moment=moments,
    status=statuses,
    owner=st.none() | owners,
    claim_seconds=durations,
    header=st.fixed_dictionaries(
        {"workflow_id": workflow_ids, "resource_id": resource_ids, "created_at": moments}
    ),
)


@attrs.define
class Journal:
    """A run as it should be."""

    header: RunHeader
    status: RunStatus
    entries: list[Entry] = attrs.field(factory=list)
    owner: str | None = None
    held: bool = False
    """Whether the owner's claim has not expired."""

    @property
    def last_seq(self) -> int:
        return self.entries[-1].seq if self.entries else -1

    @property
    def updated_at(self) -> float:
        return self.entries[-1].at if self.entries else self.header.created_at


@attrs.define
class Journals:
    """All runs as they should be, by name."""

    mark: str
    """What ids begin with."""
    runs: dict[str, Journal] = attrs.field(factory=dict)

    def id(self, name: str) -> str:
        """Return the id of a run, workflow, resource or owner."""
        return self.mark + name

    def fit(self, draft: Draft) -> Append:
        """Return a draft as an append to the run as it is."""
        run = self.runs.get(draft.name)
        after = (run.last_seq if run else -1) + draft.distance
        entries, seq = [], after
        for step in draft.steps:
            seq += step
            entries.append(Entry(seq, draft.moment, f'{{"{draft.name}":{seq}}}'))
        header = RunHeader(
            run_id=self.id(draft.name),
            workflow_id=self.id(draft.header["workflow_id"]),
            resource_id=draft.header["resource_id"] and self.id(draft.header["resource_id"]),
            created_at=draft.header["created_at"],
            format=1,
            fingerprint="{}",
        )
        return Append(
            run_id=self.id(draft.name),
            entries=tuple(entries),
            after=after,
            status=draft.status,
            header=header if draft.begins else None,
            owner=draft.owner and self.id(draft.owner),
            claim_seconds=draft.claim_seconds,
        )

    def append(self, name: str, append: Append) -> bool:
        """Append, and tell whether it may be done."""
        run = self.runs.get(name)
        seqs = [append.after, *(entry.seq for entry in append.entries)]
        if (run is None) == (append.header is None) or seqs != sorted(set(seqs)):
            return False
        if append.header is not None:
            run = Journal(append.header, append.status)
            run.owner = append.owner
            run.held = append.owner is not None and append.claim_seconds > 0
        assert run is not None
        if append.after != run.last_seq or append.owner != run.owner:
            return False
        self.runs[name] = run
        run.entries += append.entries
        run.status = append.status
        return True

    def claim(self, name: str, owner: str, seconds: float) -> bool:
        """Claim a run, and tell whether that is possible."""
        run = self.runs.get(name)
        if run is None or (run.held and run.owner not in (None, owner)):
            return False
        run.owner, run.held = owner, seconds > 0
        return True

    def renew(self, owner: str, seconds: float) -> set[str]:
        """Renew claims, and return the ids of the runs."""
        mine = [run for run in self.runs.values() if run.owner == owner]
        for run in mine:
            run.held = seconds > 0
        return {run.header.run_id for run in mine}

    def release(self, name: str, owner: str) -> None:
        """Give a claim back."""
        run = self.runs.get(name)
        if run is not None and run.owner == owner:
            run.owner, run.held = None, False

    def prune(self, before: float) -> int:
        """Delete what is over and old, and return how many that were."""
        old = [
            name
            for name, run in self.runs.items()
            if run.status in OVER and run.updated_at < before
        ]
        for name in old:
            del self.runs[name]
        return len(old)

    def list(
        self, status: Sequence[RunStatus] | None, workflow: str | None, resource: str | None
    ) -> list[str]:
        """Return the ids of runs, newest first."""
        found = [
            (run.header.created_at, run.header.run_id)
            for run in self.runs.values()
            if (status is None or run.status in status)
            and workflow in (None, run.header.workflow_id)
            and resource in (None, run.header.resource_id)
        ]
        return [run_id for _, run_id in sorted(found, reverse=True)]
