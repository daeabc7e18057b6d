"""Measure other workflow engines: ``python -m benchmarks.peers [--only PEER,...] [--json FILE]``.

Each engine does the same work in an environment of its own, which is made the first time and
kept. trioflow and the Trio program that one would write by hand take turns with it; "ratio" is
to the latter. What cannot be measured says why. ``--chart`` and ``--markdown`` show the results,
also those of an earlier measurement (``--from FILE``).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import trio

from benchmarks.peers import chart, results, tables
from benchmarks.peers.engines import PEERS
from benchmarks.peers.environments import default_folder
from benchmarks.peers.measuring import measure


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--only", metavar="PEER,...", help="measure these: " + ", ".join(PEERS))
    add("--limit", metavar="SECONDS", type=float, default=90, help="for one engine and workload")
    add(
        "--environments",
        metavar="DIR",
        type=Path,
        default=default_folder(),
        help="where the environments of the engines are kept (%(default)s)",
    )
    add("--from", dest="source", metavar="FILE", type=Path, help="show these, measure nothing")
    add("--json", metavar="FILE", type=Path, help="write the results there")
    add("--chart", metavar="FILE", type=Path, help="draw the results there as SVG")
    add("--markdown", action="store_true", help="print the results as Markdown")
    arguments = parser.parse_args()
    arguments.ids = arguments.only.split(",") if arguments.only else list(PEERS)
    unknown = [id for id in arguments.ids if id not in PEERS]
    if unknown:
        parser.error(f"unknown engine {unknown[0]!r}; there are {', '.join(PEERS)}")
    return arguments


def show(row: results.Row) -> None:
    print(tables.line(row), flush=True)


def measured(arguments: argparse.Namespace) -> results.Results:
    """Measure, and print each row of the table as soon as it is known."""
    print(tables.heading())
    engines = [PEERS[id] for id in arguments.ids]
    found = trio.run(measure, engines, arguments.environments, arguments.limit, show)
    for row in found.rows:
        if row.engine not in PEERS:  # those were shown when they were known
            show(row)
    return found


def main() -> None:
    arguments = parse_arguments()
    found = results.read(arguments.source) if arguments.source else measured(arguments)
    if arguments.json:
        results.write(found, arguments.json)
    if arguments.chart:
        arguments.chart.write_text(chart.draw(found), encoding="utf-8")
    if arguments.markdown:
        print(tables.markdown(found))


if __name__ == "__main__":
    main()
