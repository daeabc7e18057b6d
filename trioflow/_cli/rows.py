"""The lines that show a run, before anybody has thought of colours or widths."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Literal

import attrs

from trioflow._cli.text import clean, duration
from trioflow._cli.view import KEPT, CallView, Status, ToolView

TAIL_LINES = 3
"""How many lines of a tool's output are shown."""
DENSITIES = (KEPT, 5, 1, 0)
"""How many finished siblings are shown, from the roomiest layout to the tightest."""


@attrs.frozen
class Row:
    """One line of the tree."""

    guides: str
    """What shows where the line belongs: ``"│  └─ "``."""
    kind: Literal["call", "tool", "output", "more"]
    label: str
    status: Status = "running"
    detail: str = ""
    seconds: float | None = None
    progress: tuple[int, int] | None = None


@attrs.frozen
class Branch:
    """A row without its guides, and what is below it."""

    row: Row
    below: tuple[Branch, ...] = ()


def rows(root: CallView, now: float, height: int = sys.maxsize) -> list[Row]:
    """Return the lines for a run, not more than *height*.

    If there are too many, what has ended well goes first, and then the end of the list.
    """
    for density in DENSITIES:
        lines = list(flatten(_call(root, now, density)))
        if len(lines) <= height:
            break
    else:
        lines = [*lines[: height - 1], Row("", "more", f"… {len(lines) - height + 1} more lines")]
    return lines


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
    row = Row("", "call", clean(label), status, detail, seconds, call.progress)
    tools = (_tool(tool, density) for tool in call.tools.values() if _is_shown(tool, density))
    return Branch(row, (*tools, *_children(call, now, density)))


def _situation(call: CallView, now: float) -> tuple[Status, str]:
    """Return status and detail as of now: back-off ends without an event."""
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
    for key, child in call.children.items():
        if key in shown or key not in ended_well:
            yield _call(child, now, density)


def _is_shown(tool: ToolView, density: int) -> bool:
    return bool(density) or tool.status != "success"


def _tool(tool: ToolView, density: int) -> Branch:
    pieces = "" if not tool.pieces else f"{tool.pieces} piece{'s' * (tool.pieces != 1)}"
    row = Row("", "tool", clean(tool.name), tool.status, _joined(tool.detail, pieces))
    lines = [clean(line) for line in tool.tail.splitlines() if line.strip()]
    kept = min(TAIL_LINES, density) if tool.status == "success" else TAIL_LINES
    output = tuple(Branch(Row("", "output", line)) for line in lines[max(len(lines) - kept, 0) :])
    return Branch(row, output)
