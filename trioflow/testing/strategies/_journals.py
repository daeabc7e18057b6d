"""A model of what a store should hold and return, and strategies for calls of a store."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import attrs
from hypothesis import strategies as st

from trioflow.abc import Append, Entry, Request, RequestKind, RunFilter, RunHeader
from trioflow.events import FINISHED_STATUSES, RunStatus

LONG_AGO = 1000.0
"""The time of all events, in seconds since the epoch. No real run is as old."""
HOLDS = 1000.0
"""Seconds of a claim that does not expire during the test. Other claims take 0 seconds."""

names = st.sampled_from(["a", "b", "c"])
owners = st.sampled_from(["me", "you"])
durations = st.sampled_from([0.0, HOLDS])
moments = st.integers(0, 12).map(lambda seconds: LONG_AGO + seconds)
statuses: st.SearchStrategy[RunStatus] = st.sampled_from(
    ["pending", "running", "suspended", "success", "failed"]
)
workflow_ids = st.sampled_from(["w", "W"])
resource_ids = st.sampled_from([None, "r", "R"])
tags = st.lists(st.sampled_from(["t", "T", "t "]), max_size=3)
queues = st.sampled_from(["q", "Q"])
priorities = st.sampled_from([0, 0, 1, -1])
kinds: st.SearchStrategy[RequestKind] = st.sampled_from(["cancel", "event", "resume", "drain"])


@attrs.frozen
class Draft:
    """An append that has not been fitted to its run yet."""

    name: str
    begins: bool
    """Whether it has a header."""
    distance: int
    """Offset of ``after`` from the last entry."""
    steps: list[int]
    """Differences between successive ``seq``."""
    moment: float
    status: RunStatus
    owner: str | None
    claim_seconds: float
    due_at: float | None
    requests: list[int]
    """Indexes of the pending requests that it records, and some of unknown requests."""
    header: dict[str, Any]
    input: str | None
    """The input for the header of a run that has one."""


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
    due_at=st.none() | moments,
    requests=st.lists(st.integers(0, 3), max_size=2),
    header=st.fixed_dictionaries(
        {
            "workflow_id": workflow_ids,
            "resource_id": resource_ids,
            "created_at": moments,
            "tags": tags,
            "queue": queues,
            "priority": priorities,
        }
    ),
    input=st.none() | st.sampled_from(["1", '"é"']),
)


@attrs.define
class Journal:
    """The expected state of a stored run."""

    header: RunHeader
    status: RunStatus
    due_at: float | None = None
    entries: list[Entry] = attrs.field(factory=list)
    requests: list[Request] = attrs.field(factory=list)
    owner: str | None = None
    held: bool = False
    """Whether the owner's claim has not expired."""

    @property
    def last_seq(self) -> int:
        return self.entries[-1].seq if self.entries else -1

    @property
    def updated_at(self) -> float:
        return self.entries[-1].at if self.entries else self.header.created_at

    @property
    def age(self) -> tuple[float, str]:
        return self.header.created_at, self.header.run_id

    def has_work(self, now: float) -> bool:
        """Return whether the run is free and has work to do."""
        if self.status in FINISHED_STATUSES or self.held:
            return False
        due = self.due_at is not None and self.due_at <= now
        return self.status == "running" or due or bool(self.requests)

    def can_be_taken(self, now: float) -> bool:
        """Return whether the run has work for a worker, whoever holds it."""
        if self.status in FINISHED_STATUSES or not self.entries:
            return False
        due = self.due_at is not None and self.due_at <= now
        return self.status in ("pending", "running") or due or bool(self.requests)

    def is_for(self, owner: str, held: Sequence[str] | None) -> bool:
        """Return whether an owner may take the run, or holds it without knowing."""
        if self.owner == owner:
            return held is not None and self.header.run_id not in held
        return not self.held


@attrs.define
class Journals:
    """The expected runs of a store, by name."""

    mark: str
    """Prefix of all ids."""
    runs: dict[str, Journal] = attrs.field(factory=dict)

    def id(self, name: str) -> str:
        """Return the id of a run, workflow, resource or owner."""
        return self.mark + name

    def fit(self, draft: Draft) -> Append:
        """Return a draft as an append to the current run."""
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
            tags=tuple(map(self.id, draft.header["tags"])),
            queue=self.id(draft.header["queue"]),
            priority=draft.header["priority"],
        )
        pending = [request.id for request in run.requests] if run else []
        return Append(
            run_id=self.id(draft.name),
            entries=tuple(entries),
            after=after,
            status=draft.status,
            header=header if draft.begins else None,
            input=None if draft.begins else draft.input,
            owner=draft.owner and self.id(draft.owner),
            claim_seconds=draft.claim_seconds,
            due_at=draft.due_at,
            requests=tuple(
                pending[index] if index < len(pending) else 2**40 + index
                for index in draft.requests
            ),
        )

    def append(self, name: str, append: Append) -> bool:
        """Append if that is valid, and return whether it is."""
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
        if append.input is not None:
            run.header = attrs.evolve(run.header, input=append.input)
        run.entries += append.entries
        run.status, run.due_at = append.status, append.due_at
        run.requests = [
            request
            for request in run.requests
            if request.id not in append.requests and run.status not in FINISHED_STATUSES
        ]
        return True

    def claim(self, name: str, owner: str, seconds: float) -> bool:
        """Claim a run if that is possible, and return whether it is."""
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
        """Release a claim."""
        run = self.runs.get(name)
        if run is not None and run.owner == owner:
            run.owner, run.held = None, False

    def leave(self, owner: str) -> None:
        """Release all claims of an owner."""
        for run in self.runs.values():
            if run.owner == owner:
                run.owner, run.held = None, False

    def prune(self, before: float, status: Sequence[RunStatus] | None) -> int:
        """Delete old runs, and return their number."""
        old = [
            name
            for name, run in self.runs.items()
            if run.status in (FINISHED_STATUSES if status is None else status)
            and run.updated_at < before
            and (run.status in FINISHED_STATUSES or not run.held)
        ]
        for name in old:
            del self.runs[name]
        return len(old)

    def pending(self, owner: str, after: int) -> list[Request]:
        """Return the requests for the runs of an owner."""
        found = [
            request
            for run in self.runs.values()
            for request in run.requests
            if run.owner == owner and request.id > after
        ]
        return sorted(found, key=lambda request: request.id)

    def newest(self, chosen: RunFilter) -> list[str]:
        """Return the ids of runs, newest first."""
        found = self.ages(lambda run: chosen.matches(run.header, run.status))
        return [run_id for _, run_id in reversed(found)]

    def claimable(self, workflow: str | None, now: float) -> list[str]:
        """Return the ids of runs that are free and have work to do, oldest first."""
        found = self.ages(
            lambda run: run.has_work(now) and workflow in (None, run.header.workflow_id)
        )
        return [run_id for _, run_id in found]

    def claim_next(
        self,
        owner: str,
        seconds: float,
        workflow: str,
        queues: Sequence[str],
        now: float,
        limit: int,
        held: Sequence[str] | None,
    ) -> list[str]:
        """Claim runs as a worker does, and return their ids, in order."""
        found = [
            run
            for run in self.runs.values()
            if run.header.workflow_id == workflow
            and run.header.queue in queues
            and run.can_be_taken(now)
            and run.is_for(owner, held)
        ]
        found.sort(key=lambda run: (-run.header.priority, run.age))
        for run in found[:limit]:
            run.owner, run.held = owner, seconds > 0
        return [run.header.run_id for run in found[:limit]]

    def waiting(self) -> dict[str, tuple[int, float]]:
        """Return how many runs wait in each queue, and when the oldest was created."""
        waiting: dict[str, tuple[int, float]] = {}
        for run in self.runs.values():
            if run.owner is None and run.entries and run.status in ("pending", "running"):
                count, oldest = waiting.get(run.header.queue, (0, math.inf))
                created = run.header.created_at
                waiting[run.header.queue] = count + 1, min(oldest, created)
        return waiting

    def ages(self, is_meant: Callable[[Journal], bool]) -> list[tuple[float, str]]:
        """Return the creation times and ids of runs, oldest first."""
        return sorted(run.age for run in self.runs.values() if is_meant(run))
