"""Draw the arms of a parallel block or a branch side by side."""

from __future__ import annotations

from collections.abc import Sequence

from trioflow.describe import Outline
from trioflow_pictures.graph.block import (
    PILL,
    SMALL,
    Block,
    line,
    moved,
    pill,
    pill_width,
    rect,
    titled,
)
from trioflow_pictures.graph.cards import LIMIT
from trioflow_pictures.graph.measure import number, shorten, width_of, write

BETWEEN = 24
"""Gap between two arms."""
BAR = 6
"""Height of the bars around a parallel block."""
HALF = 14
"""Half the height of the diamond above a branch."""
RAIL = 42
"""Vertical offset of the line to the conditions."""
DROP = 22
"""Gap between a condition and its arm."""


def parallel(entry: Outline, arms: Sequence[Block]) -> Block:
    """Return arms between two bars."""
    axes, width, middle = _side_by_side(arms)
    top = BAR + 26
    bottom = top + max(arm.height for arm in arms) + 20
    parts = [titled(_bar(axes, 0), entry.label), _bar(axes, bottom)]
    for arm, axis in zip(arms, axes, strict=True):
        parts.append(line([(axis, BAR), (axis, top)]))
        parts.append(moved(arm.svg, axis - arm.axis, top))
        parts.append(line([(axis, top + arm.height), (axis, bottom)], arrow=False))
    parts.append(write(entry.label, axes[0] + 9, BAR + 14, SMALL, "note"))
    width = max(width, axes[0] + 9 + width_of(entry.label, SMALL))
    return Block(width, bottom + BAR, middle, "".join(parts))


def branch(entry: Outline, bodies: Sequence[Block]) -> Block:
    """Return arms below their conditions, and the line that bypasses them."""
    arms = [
        _below(f"if {arm.condition}", body)
        for arm, body in zip(entry.children, bodies, strict=True)
    ]
    arms.append(_way_past(max(body.height for body in bodies)))
    axes, width, middle = _side_by_side(arms)
    top = RAIL + 16
    bottom = top + max(arm.height for arm in arms) + 20
    parts = []
    for arm, axis in zip(arms, axes, strict=True):
        look = "line bypass" if arm is arms[-1] else "line"
        into = [(middle, 2 * HALF), (middle, RAIL), (axis, RAIL), (axis, top)]
        out = [(axis, top + arm.height), (axis, bottom), (middle, bottom), (middle, bottom + 14)]
        parts += [line(into, look, arrow=False), line(out, look, arrow=False)]
        parts.append(moved(arm.svg, axis - arm.axis, top))
    diamond = f"M{number(middle)} 0l{HALF} {HALF}l-{HALF} {HALF}l-{HALF} -{HALF}Z"
    parts.append(titled(f'<path class="decision" d="{diamond}"/>', entry.label))
    return Block(width, bottom + 14, middle, "".join(parts))


def _below(condition: str, body: Block) -> Block:
    """Return an arm below its condition."""
    text = shorten(condition, LIMIT)
    axis = max(body.axis, pill_width(text) / 2)
    width = axis + max(body.width - body.axis, pill_width(text) / 2)
    svg = titled(pill(text, axis, 0), condition) + line([(axis, PILL), (axis, PILL + DROP)])
    svg += moved(body.svg, axis - body.axis, PILL + DROP)
    return Block(width, PILL + DROP + body.height, axis, svg)


def _way_past(height: float) -> Block:
    """Return the bypass beside arms of a height, used when no condition holds."""
    text = "if none holds"
    width = pill_width(text)
    past = line([(width / 2, PILL), (width / 2, PILL + DROP + height)], "line bypass", arrow=False)
    return Block(
        width, PILL + DROP + height, width / 2, pill(text, width / 2, 0, "pill bypass") + past
    )


def _side_by_side(arms: Sequence[Block]) -> tuple[list[float], float, float]:
    """Return the axis of each arm, the width of all, and the axis of the whole."""
    axes, left = [], 0.0
    for arm in arms:
        axes.append(left + arm.axis)
        left += arm.width + BETWEEN
    return axes, left - BETWEEN, (axes[0] + axes[-1]) / 2


def _bar(axes: Sequence[float], y: float) -> str:
    return rect("bar", axes[-1] - axes[0] + 32, BAR, BAR / 2, axes[0] - 16, y)
