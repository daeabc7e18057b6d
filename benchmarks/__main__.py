"""Measure workloads and print a table: ``python -m benchmarks [--only ID,...] [--json FILE]``.

"Ours" and "by hand" are medians for one step, item, chunk or run where a workload has many;
"memory" is the peak growth of the heap, measured in a run of its own.
"""

from __future__ import annotations

import argparse
import platform
from importlib.metadata import version
from pathlib import Path

from benchmarks.measure import Row
from benchmarks.report import HEADINGS, cells, line, write_json
from benchmarks.workloads import WORKLOADS


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", metavar="ID,...", help="measure these: " + ", ".join(WORKLOADS))
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the rows there as JSON")
    arguments = parser.parse_args()
    arguments.ids = arguments.only.split(",") if arguments.only else list(WORKLOADS)
    unknown = [id for id in arguments.ids if id not in WORKLOADS]
    if unknown:
        parser.error(f"unknown workload {unknown[0]!r}; there are {', '.join(WORKLOADS)}")
    return arguments


def main() -> None:
    arguments = parse_arguments()
    print(f"trioflow {version('trioflow')}, trio {version('trio')},", end=" ")
    print(f"Python {platform.python_version()}, {platform.machine()}")
    print(line(HEADINGS))
    rows: list[Row] = []
    for id in arguments.ids:
        for row in WORKLOADS[id]().measure():
            rows.append(row)
            print(line(cells(row)), flush=True)
    if arguments.json:
        write_json(rows, arguments.json)


if __name__ == "__main__":
    main()
