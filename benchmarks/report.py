"""Rows as a table for people and as JSON for programs."""

from __future__ import annotations

import json
from pathlib import Path

import attrs

from benchmarks.measure import Row

HEADINGS = ("id", "workload", "ours", "by hand", "ratio", "growth", "memory", "samples")
WIDTHS = (19, 45, 13, 13, 7, 7, 19, 7)


def line(cells: tuple[str, ...]) -> str:
    """Lay out one line of the table: texts to the left, figures to the right."""
    texts = [cell.ljust(width) for cell, width in zip(cells[:2], WIDTHS, strict=False)]
    figures = [cell.rjust(width) for cell, width in zip(cells[2:], WIDTHS[2:], strict=True)]
    return "  ".join(texts + figures)


def cells(row: Row) -> tuple[str, ...]:
    """Return what the table shows of a row."""
    return (
        row.id,
        row.title,
        amount(row.median, row),
        amount(row.floor_median, row),
        _ratio(row.ratio),
        _ratio(row.growth),
        memory(row),
        str(row.samples),
    )


def _ratio(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.2f}"


def amount(figure: float, row: Row) -> str:
    """Return a median, as the cost of one step, item or chunk where there are many."""
    if row.unit.startswith("bytes"):
        return f"{figure:,.0f} B"
    if row.unit != "s":
        return f"{figure:.3f}"
    seconds = figure / row.per
    if seconds < 1e-3:
        return f"{seconds * 1e6:.1f} µs"
    return f"{seconds * 1e3:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"


def memory(row: Row) -> str:
    if row.memory is None or row.floor_memory is None:
        return ""
    return f"{row.memory / 1e6:.2f} / {row.floor_memory / 1e6:.2f} MB"


def as_object(row: Row) -> dict[str, object]:
    """Return a row as an object of the JSON file, without what it does not have."""
    return {key: value for key, value in attrs.asdict(row).items() if value is not None}


def write_json(rows: list[Row], file: Path) -> None:
    objects = [as_object(row) for row in rows]
    file.write_text(json.dumps(objects, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
