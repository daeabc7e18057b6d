"""Compose each construct of a workflow from its inner blocks."""

from __future__ import annotations

from collections.abc import Sequence

from trioflow.describe import Outline
from trioflow_pictures.graph.arms import branch, parallel
from trioflow_pictures.graph.block import (
    PILL,
    SMALL,
    Block,
    called,
    column,
    dot,
    line,
    moved,
    pill,
    pill_width,
    rect,
    titled,
)
from trioflow_pictures.graph.cards import BIG, ICON, LIMIT, PADDING, about, card, icon
from trioflow_pictures.graph.measure import number, shorten, width_of, write
from trioflow_pictures.graph.types import gives, takes

TYPE_LIMIT = 40
HEADER = 34
"""Height of the title bar of a frame."""
BESIDE = 24
"""Padding at the sides of a frame."""
RADIUS = 10
CHANNEL = 32
"""Space beside a loop for the line back."""
STACKED = 5
"""Offset between the sheets of a stack of items."""


def draw(entry: Outline, at: str) -> Block:
    """Return the block of an entry and its children.

    Args:
      at: The address of its calls in a run, without items, iterations and attempts.
    """
    match entry.kind:
        case "parallel":
            return parallel(entry, _arms(entry, at))
        case "branch":
            return branch(entry, _arms(entry, at))
        case "while" | "until":
            return _loop(entry, at)
        case "foreach":
            return _foreach(entry, at)
        case "workflow" if entry.children:
            badge = f"from {entry.plugin}" if entry.plugin else ""
            inside = [f"{at}/{position}" for position in range(len(entry.children))]
            return _frame(entry, "workflow", shorten(badge, LIMIT), at, inside)
        case "wait":
            # A wait has no type of its own: the value passes through.
            bodies = [draw(child, at) for child in entry.children]
            return column([card(entry, at), *bodies], [""] * len(bodies))
        case _:
            return card(entry, at)


def _arms(entry: Outline, at: str) -> list[Block]:
    return [draw(arm, f"{at}:{arm.label}") for arm in entry.children]


def sequence(
    entries: Sequence[Outline],
    addresses: Sequence[str],
    ends: tuple[Block, Block],
    types: tuple[str, str],
) -> Block:
    """Return entries in a column between two marks.

    Args:
      entries: The entries in the order of execution.
      addresses: Their addresses.
      ends: The marks at the start and at the end.
      types: The types of input and output, if they are known.
    """
    labels, value = [], types[0]
    for entry in entries:
        labels.append(shorten(value or takes(entry), TYPE_LIMIT))
        value = gives(entry, value)
    labels.append(shorten(types[1] or value, TYPE_LIMIT))
    return column([ends[0], *map(draw, entries, addresses), ends[1]], labels)


def _loop(entry: Outline, at: str) -> Block:
    test = _test(entry)
    body = sequence(entry.children, [at], (dot("merge", 5), test), ("", ""))
    start = body.axis + test.width / 2
    # The line back runs beside the whole body.
    channel = max(body.width, start) + CHANNEL
    middle = body.height - test.height / 2
    again, on = ("no", "yes") if entry.kind == "until" else ("yes", "no")
    back = line([(start, middle), (channel, middle), (channel, 5), (body.axis + 6, 5)], "line back")
    end = body.height + 18
    parts = [
        body.svg,
        titled(back, entry.label),
        write(again, start + 6, middle - 5, SMALL, "note"),
        line([(body.axis, body.height), (body.axis, end)], arrow=False),
        write(on, body.axis + 8, body.height + 13, SMALL, "note"),
    ]
    return Block(channel + 4, end, body.axis, "".join(parts))


def _test(entry: Outline) -> Block:
    text = shorten(f"{entry.kind} {entry.condition}", LIMIT)
    width, height = width_of(text, SMALL) + 40, PILL + 6
    half = number(height / 2)
    shape = f"M0 {half}L12 0H{number(width - 12)}L{number(width)} {half}L{number(width - 12)} "
    svg = f'<path class="decision" d="{shape}{height}H12Z"/>'
    svg += write(text, width / 2, height / 2 + 4, SMALL, "condition", "middle")
    return Block(width, height, width / 2, titled(svg, entry.label))


def _foreach(entry: Outline, at: str) -> Block:
    frame = _frame(entry, "foreach", entry.note or "one at a time", at, [at])
    size = frame.width, frame.height
    far, near = (
        rect("frame foreach", *size, RADIUS, shift, shift) for shift in (2 * STACKED, STACKED)
    )
    width, height = (length + 2 * STACKED for length in size)
    return Block(width, height, frame.axis, far + near + frame.svg)


def _frame(entry: Outline, kind: str, badge: str, at: str, addresses: Sequence[str]) -> Block:
    ends = dot("merge", 4), dot("merge", 4)
    inside = sequence(entry.children, addresses, ends, (entry.input, entry.output))
    title = shorten(entry.label, LIMIT)
    left = PADDING + ICON + 8
    width = left + width_of(title, BIG) + 16 + (pill_width(badge) if badge else 0) + PADDING
    width = max(width, inside.width + 2 * BESIDE)
    height = HEADER + inside.height + 16
    parts = [
        rect("sheet", width, height, RADIUS),
        rect(f"frame {kind}", width, height, RADIUS),
        icon(kind, PADDING, 10),
        write(title, left, 22.5, BIG, "id"),
    ]
    if badge:
        parts.append(pill(badge, width - PADDING - pill_width(badge) / 2, 8))
    head = titled(called(kind, at, "".join(parts)), *about(entry))
    margin = (width - inside.width) / 2
    return Block(width, height, margin + inside.axis, head + moved(inside.svg, margin, HEADER))
