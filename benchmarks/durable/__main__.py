"""Measure durable runs: ``python -m benchmarks.durable``, or the ids of some workloads."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import version

from benchmarks import history
from benchmarks.__main__ import measure
from benchmarks.durable.workloads import DURABLE, TARGETS
from benchmarks.measure import Row


def verdict(row: Row) -> str:
    """Return whether a row is where it wants to be."""
    figure = row.value if row.ratio is None else row.ratio
    assert figure is not None
    word = "met" if figure <= TARGETS[row.id] else "MISSED"
    return f"{row.id:30}  {figure:8.3g}  wanted <= {TARGETS[row.id]:g}: {word}"


def main() -> None:
    ids = sys.argv[1:] or list(DURABLE)
    if unknown := [id for id in ids if id not in DURABLE]:
        sys.exit(f"unknown workload {unknown[0]!r}; there are {', '.join(DURABLE)}")
    print(f"trioflow-sql {version('trioflow-sql')}, SQLAlchemy {version('sqlalchemy')},", end=" ")
    print(f"Python {platform.python_version()}, {history.machine()}")
    rows = measure(ids)
    print()
    for row in rows:
        if row.id in TARGETS:
            print(verdict(row))


if __name__ == "__main__":
    main()
