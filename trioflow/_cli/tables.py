"""Prints outputs and listings: as tables on a terminal, as plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.highlighter import JSONHighlighter
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trioflow._cli.text import clean, one_line, safe_json
from trioflow._cli.values import plain_json
from trioflow._numbers import is_number
from trioflow.wire._values import lenient_json

if TYPE_CHECKING:
    from cattrs import Converter

ROWS = 25
"""Maximum number of records of a list that are shown."""


def make_console() -> Console:
    """Return a console for standard output; without control codes unless it is a terminal."""
    # rich would also assume a terminal because of some environment variables.
    return Console(highlight=False, force_terminal=sys.stdout.isatty())


def print_result(console: Console, value: Any, converter: Converter | None) -> None:
    """Print the output of a run: a record or a list of records as a table, else JSON."""
    console.print(render(lenient_json(value, converter)))


def render(data: Any) -> RenderableType:
    """Return plain JSON data as rich shows it on a terminal."""
    if _is_records(data):
        return _records(data)
    if isinstance(data, dict) and data:
        return _record(data)
    if isinstance(data, str):
        return Text(clean(data))
    return JSONHighlighter()(safe_json(data, indent=2))


def _is_records(data: Any) -> bool:
    return isinstance(data, list) and bool(data) and all(isinstance(row, dict) for row in data)


def _records(records: Sequence[Mapping[str, Any]]) -> RenderableType:
    columns = list(dict.fromkeys(key for record in records for key in record))
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        numbers = all(is_number(record.get(column)) for record in records)
        table.add_column(
            Text(one_line(column)), justify="right" if numbers else "left", overflow="fold"
        )
    for record in records[:ROWS]:
        table.add_row(*(_cell(record[key]) if key in record else "" for key in columns))
    hidden = len(records) - ROWS
    return table if hidden <= 0 else Group(table, Text(f"… {hidden} more", "dim"))


def _record(record: Mapping[str, Any]) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in record.items():
        inner = _records(value) if _is_records(value) else _cell(value)
        table.add_row(Text(one_line(key)), inner)
    return table


def _cell(value: Any) -> Text:
    return Text(clean(value) if isinstance(value, str) else plain_json(value))


def print_listing(headers: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> None:
    """Print rows of strings whose last column is long.

    Each row is one line; on a terminal the last column has its own line, indented below.
    """
    console = make_console()
    lines = [[one_line(cell, 1000) for cell in row] for row in rows]
    if not console.is_terminal:
        for line in _in_columns([headers, *lines]):
            print("  ".join(line).rstrip())
    elif not lines:
        console.print(empty)
    else:
        _print_blocks(console, headers, lines)


def print_lines(headers: Sequence[str], rows: Sequence[Sequence[str]], empty: str) -> None:
    """Print rows of short strings, one line each, on a terminal and elsewhere."""
    console = make_console()
    lines = [[one_line(cell, 1000) for cell in row] for row in rows]
    if console.is_terminal and not lines:
        console.print(empty)
        return
    head, *others = ("  ".join(line).rstrip() for line in _in_columns([headers, *lines]))
    console.print(Text(head, "dim"), soft_wrap=True)
    for other in others:
        console.print(Text(other), soft_wrap=True)


def _print_blocks(console: Console, headers: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    texts = [line[-1] for line in lines]
    heads: Sequence[Sequence[str]] = [line[:-1] for line in (headers, *lines)]
    columns = _in_columns(heads)
    if len("  ".join(columns[0])) <= console.width:
        heads = columns
    console.print(Text("  ".join(heads[0]), "dim"))
    for (name, *others), text in zip(heads[1:], texts, strict=True):
        console.print(Text.assemble((name, "bold"), *(f"  {other}" for other in others)))
        console.print(Padding(Text(text, "dim"), (0, 0, 0, 4)))


def _in_columns(lines: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the lines with each cell padded to the width of its column."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
