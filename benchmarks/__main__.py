"""Measure trioflow beside Trio programs written by hand: ``python -m benchmarks``.

"Ours" and "by hand" are medians for one step, item, chunk or run where a workload has many;
"growth" is the cost of a step by that in chain-1000, measured in the same turns; "memory" is
the peak growth of the heap, measured in a run of its own.
"""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path

from benchmarks import history, instructions, profiling
from benchmarks.measure import Row, UnavailableError
from benchmarks.pairs import COUNTED
from benchmarks.report import HEADINGS, cells, line, write_json
from benchmarks.workloads import WORKLOADS


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", metavar="ID,...", help="measure these: " + ", ".join(WORKLOADS))
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the rows there as JSON")
    parser.add_argument(
        "--profile",
        metavar="ID,...",
        nargs="?",
        const="chain-1000",
        help="show where the time of a step goes, and count its instructions, instead of "
        "measuring; chain-1000 if no other is named: " + ", ".join(COUNTED),
    )
    parser.add_argument(
        "--record",
        action="store_true",
        help=f"append the figures and instructions of this commit to {history.FILE.name}",
    )
    arguments = parser.parse_args()
    arguments.only = _known(parser, arguments.only or ",".join(WORKLOADS), WORKLOADS)
    if arguments.profile:
        arguments.profile = _known(parser, arguments.profile, COUNTED)
    return arguments


def _known(parser: argparse.ArgumentParser, text: str, names: Iterable[str]) -> list[str]:
    ids, names = text.split(","), list(names)
    unknown = [id for id in ids if id not in names]
    if unknown:
        parser.error(f"unknown workload {unknown[0]!r}; there are {', '.join(names)}")
    return ids


def measure(ids: Iterable[str]) -> list[Row]:
    """Measure workloads one by one and print each row as soon as it is there."""
    print(line(HEADINGS))
    rows: list[Row] = []
    for id in ids:
        try:
            measured = WORKLOADS[id]().measure()
        except UnavailableError as exc:
            print(f"{id:19}  not available: {exc}", flush=True)
            continue
        for row in measured:
            print(line(cells(row)), flush=True)
        rows += measured
    return rows


def show_profile(ids: list[str]) -> None:
    for id in ids:
        print(profiling.table(id, profiling.profile(id)), end="\n\n", flush=True)
    count(ids)


def count(ids: list[str]) -> dict[str, int]:
    """Print and return instructions per step; nothing to return where they cannot be counted."""
    try:
        counts = instructions.count_instructions(ids)
    except UnavailableError as exc:
        print(f"instructions per step: not available: {exc}")
        return {}
    print(instructions.table(counts), flush=True)
    return instructions.as_figures(counts)


def main() -> None:
    arguments = parse_arguments()
    print(f"trioflow {version('trioflow')}, trio {version('trio')},", end=" ")
    print(f"Python {platform.python_version()}, {history.machine()}")
    if arguments.profile:
        show_profile(arguments.profile)
        return
    try:  # before minutes of measuring
        commit = history.commit_of(Path(__file__).parent) if arguments.record else ""
    except history.DirtyTreeError as exc:
        sys.exit(f"cannot record: {exc}")
    rows = measure(arguments.only)
    if arguments.json:
        write_json(rows, arguments.json)
    if arguments.record:
        history.append(history.entry(commit, rows, count(list(COUNTED))))


if __name__ == "__main__":
    main()
