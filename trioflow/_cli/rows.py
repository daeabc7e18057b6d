"""The lines that show a run, without colours and widths."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Literal

import attrs

from trioflow._cli.text import clean, duration
from trioflow._cli.view import KEPT, CallView, Status, ToolView

TAIL_LINES = 3
"""Maximum number of lines of a tool's output that are shown."""
DENSITIES = (KEPT, 5, 1, 0)
"""Numbers of finished siblings to show, from the roomiest layout to the tightest."""


@attrs.frozen
class Row:
    """One line of the tree."""

    guides: str
    """The prefix that shows the nesting: ``"│  └─ "``."""
    kind: Literal["call", "tool", "output", "more"]
    label: str
    status: Status = "running"
    detail: str = ""
    seconds: float | None = None
    progress: tuple[int, int] | None = None
    is_recalled: bool = False
    """Whether it ended before the part of the run that is shown."""


@attrs.frozen
class Branch:
    """A row without its guides, and what is below it."""

    row: Row
    below: tuple[Branch, ...] = ()


def rows(root: CallView, now: float, height: int = sys.maxsize) -> list[Row]:
    """Return the lines of a run, at most *height*.

    If there are too many, successful calls are dropped first. If there are still too many, calls
    that failed, wait or run are kept, with the lines that they are below.
    """
    for density in DENSITIES:
        lines = list(flatten(_call(root, now, density)))
        if len(lines) <= height:
            return lines
    kept = _most_urgent(lines, height - 1)
    return [*kept, Row("", "more", f"… {len(lines) - len(kept)} more lines")]


URGENCY: Sequence[Status] = ("failed", "suspended", "interrupted", "retrying", "waiting", "running")
"""Statuses by their importance to the reader, the most important first; others come last."""


def _most_urgent(lines: Sequence[Row], count: int) -> list[Row]:
    """Return at most *count* lines, the most important ones, each with the lines it is below."""
    outer = _outer_lines(lines)
    kept: set[int] = set()
    for index in sorted(range(len(lines)), key=lambda index: _urgency(lines[index])):
        chain: set[int] = set()
        above: int | None = index
        while above is not None and above not in kept:
            chain.add(above)
            above = outer[above]
        if len(kept) + len(chain) <= count:
            kept |= chain
        if len(kept) == count:
            break
    return [lines[index] for index in sorted(kept)]


def _outer_lines(lines: Sequence[Row]) -> list[int | None]:
    """Return for each line the index of the line that it is below; None for the first."""
    found: list[int | None] = []
    open_lines: list[tuple[int, int]] = []
    for index, row in enumerate(lines):
        depth = len(row.guides)
        while open_lines and open_lines[-1][0] >= depth:
            open_lines.pop()
        found.append(open_lines[-1][1] if open_lines else None)
        open_lines.append((depth, index))
    return found


def _urgency(row: Row) -> int:
    is_call = row.kind == "call" and row.status in URGENCY
    return URGENCY.index(row.status) if is_call else len(URGENCY)


def flatten(branch: Branch, guides: str = "", indent: str = "") -> Iterator[Row]:
    """Return the lines of a branch, with their guides."""
    yield attrs.evolve(branch.row, guides=guides)
    for position, child in enumerate(branch.below, 1):
        last = position == len(branch.below)
        if child.row.kind == "output":
            yield from flatten(child, indent + "   ")
        else:
            inside = indent + ("   " if last else "│  ")
            yield from flatten(child, indent + ("└─ " if last else "├─ "), inside)


def _call(call: CallView, now: float, density: int) -> Branch:
    status, detail = _situation(call, now)
    seconds = (now if call.ended is None else call.ended) - call.started
    label = call.label if call.iteration is None else f"{call.label} #{call.iteration}"
    row = Row("", "call", clean(label), status, detail, seconds, call.progress, call.is_recalled)
    tools = (_tool(tool, density) for tool in call.tools.values() if _is_shown(tool, density))
    return Branch(row, (*tools, *_children(call, now, density)))


def _situation(call: CallView, now: float) -> tuple[Status, str]:
    """Return the current status and detail: a back-off ends without an event."""
    left = "" if call.until is None else f"{duration(call.until - now)} left"
    match call.status:
        case "retrying" if call.until is not None and now < call.until:
            return "retrying", f"attempt {call.attempt} next, {left}, after {call.detail}"
        case "retrying":
            return "running", f"attempt {call.attempt}, after {call.detail}"
        case "waiting":
            return "waiting", _joined(call.detail, left)
        case _:
            attempts = "" if call.attempt < 2 or call.is_open else f"{call.attempt} attempts"
            return call.status, _joined(attempts, call.detail)


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _children(call: CallView, now: float, density: int) -> Iterator[Branch]:
    shown = set(list(call.finished)[-density:] if density else ())
    folded = call.hidden + len(call.finished) - len(shown)
    if folded:
        yield Branch(Row("", "more", f"{folded} done", "success"))
    ended_well = set(call.finished)
    for key, child in sorted(call.children.items(), key=lambda pair: pair[1].rank):
        if key in shown or key not in ended_well:
            yield _call(child, now, density)


def _is_shown(tool: ToolView, density: int) -> bool:
    return bool(density) or tool.status != "success"


def _tool(tool: ToolView, density: int) -> Branch:
    pieces = "" if not tool.pieces else f"{tool.pieces} piece{'s' * (tool.pieces != 1)}"
    row = Row("", "tool", clean(tool.name), tool.status, _joined(tool.detail, pieces, tool.used))
    lines = [clean(line) for line in tool.tail.splitlines() if line.strip()]
    kept = min(TAIL_LINES, density) if tool.status == "success" else TAIL_LINES
    output = tuple(Branch(Row("", "output", line)) for line in lines[max(len(lines) - kept, 0) :])
    return Branch(row, output)
