"""Every workload about durable runs by its id, and where its figures want to be."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from benchmarks.durable.blocking import Blocking
from benchmarks.durable.chains import Chains
from benchmarks.durable.loading import JournalBytes, Resume
from benchmarks.durable.processes import EventTime, Killed
from benchmarks.measure import Workload

DURABLE: Mapping[str, Callable[[], Workload]] = {
    "durable-1000": lambda: Chains("sqlite", 1, 1000),
    "durable-100x100": lambda: Chains("sqlite", 100, 100, samples=5),
    "durable-postgres-1000": lambda: Chains("postgres", 1, 1000),
    "durable-postgres-100x100": lambda: Chains("postgres", 100, 100, samples=5),
    "resume-1000": lambda: Resume(1000),
    "resume-3000": lambda: Resume(3000),
    "resume-10000": lambda: Resume(10_000),
    "journal-bytes": JournalBytes,
    "blocking": Blocking,
    "killed": lambda: Killed("sqlite"),
    "killed-postgres": lambda: Killed("postgres"),
    "event": lambda: EventTime("sqlite"),
    "event-postgres": lambda: EventTime("postgres"),
}

TARGETS: Mapping[str, float] = {
    "durable-1000": 1.0,
    "durable-1000-driver": 2.5,
    "durable-100x100": 0.35,
    "durable-postgres-1000": 1.0,
    "durable-postgres-1000-driver": 2.5,
    "durable-postgres-100x100": 0.35,
    "resume-1000": 5.0,
    "resume-3000": 5.0,
    "resume-10000": 5.0,
    "journal-bytes": 350,
    "block-rows": 0.05,
    "block-text": 0.05,
    "open-sqlite": 1.0,
    "open-postgres": 1.0,
}
"""What a row wants to stay below, by its id: its ratio if it has one, else its value."""
