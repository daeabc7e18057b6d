"""The results as a table for people, and as the tables of the README."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from benchmarks.peers.engines import ENGINES, WORKLOADS
from benchmarks.peers.results import Results, Row

RATIOS = """\
In brackets: times what the program by hand took, as measured in turns with this engine. Those
on SQLite record every step on disk, and Prefect does in a database in memory."""

WIDTHS = (38, 22, 11, 9, 7)


def heading() -> str:
    return _line("workload", "engine", "µs a step", "ratio", "samples")


def line(row: Row) -> str:
    """Lay out one row of the table, ratio to the hand-written program included."""
    names = (WORKLOADS[row.workload].title, ENGINES[row.engine].title)
    if row.reason:
        return _line(*names, "", "", "").rstrip() + f"   not measured: {row.reason}"
    return _line(*names, amount(row.microseconds), ratio(row.ratio), str(len(row.samples)))


def _line(*cells: str) -> str:
    texts = [cell.ljust(width) for cell, width in zip(cells[:2], WIDTHS, strict=False)]
    figures = [cell.rjust(width) for cell, width in zip(cells[2:], WIDTHS[2:], strict=True)]
    return "  ".join(texts + figures)


def amount(microseconds: float) -> str:
    """Return a figure with two digits that count, or all before the point."""
    return f"{microseconds:,.1f}" if microseconds < 10 else f"{microseconds:,.0f}"


def ratio(figure: float) -> str:
    return f"{figure:.2f}" if figure < 10 else f"{figure:,.0f}"


def markdown(results: Results) -> str:
    """Return the README's table: an engine a row, a workload a column, then what to know."""
    reasons = _Reasons()
    columns = " | ".join(workload.title for workload in WORKLOADS.values())
    lines = [f"| µs a step | {columns} |", f"| --- |{' ---: |' * len(WORKLOADS)}"]
    for engine in ENGINES.values():
        rows = [results.find(workload, engine.id) for workload in WORKLOADS]
        if any(rows):
            lines.append(f"| {engine.title} | {' | '.join(map(reasons.cell, rows))} |")
    return "\n".join([*lines, "", *reasons.lines(), RATIOS, *_footer(results)])


class _Reasons:
    """Numbers the reasons why cells are empty."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def cell(self, row: Row | None) -> str:
        if row is None:
            return ""
        if row.reason:
            number = self._numbers.setdefault(row.reason, len(self._numbers) + 1)
            return f"({number})"
        return f"{amount(row.microseconds)} ({ratio(row.ratio)} x)"

    def lines(self) -> Iterator[str]:
        for reason, number in self._numbers.items():
            yield f"({number}) not measured: {reason}.  "


def _footer(results: Results) -> Iterable[str]:
    yield f"Measured {results.day} on {results.machine}, with Python {results.python},"
    yield f"{_versions(results)}."


def _versions(results: Results) -> str:
    versions = {name: v for each in results.versions.values() for name, v in each.items()}
    return ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
