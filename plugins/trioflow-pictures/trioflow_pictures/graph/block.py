"""Blocks: pieces of a drawing that are entered at the top and left at the bottom.

A workflow consists of sequences, parallel arms and nested blocks, so its drawing is
composed from the inside out: each construct measures its parts and positions them. This
needs no general graph layout, which would move boxes to avoid crossings that do not occur
here, and would require a large library.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from trioflow_pictures.graph.measure import number, width_of, write, xml_text

GAP = 26
"""Vertical gap between two blocks."""
LABELLED_GAP = 36
SMALL = 11
"""Font size of everything except ids."""
PILL = 20
"""Height of a label."""
HEAD = 5
"""Half the width of an arrow head."""


@attrs.frozen
class Block:
    """A piece of a drawing whose upper left corner is the origin."""

    width: float
    height: float
    axis: float
    """Horizontal position of its entry and exit, from the left."""
    svg: str


def titled(svg: str, *lines: str) -> str:
    """Return a group with the lines that are not empty as its tooltip."""
    title = "\n".join(line for line in lines if line)
    return f"<g><title>{xml_text(title)}</title>{svg}</g>"


def called(look: str, address: str, svg: str) -> str:
    """Return a group for the calls with an address, so that a page can color it."""
    return f'<g class="{look}" data-address="{xml_text(address)}">{svg}</g>'


def moved(svg: str, x: float, y: float) -> str:
    """Return a group that is moved by (x, y)."""
    return f'<g transform="translate({number(x)} {number(y)})">{svg}</g>'


def rect(look: str, width: float, height: float, radius: float, x: float = 0, y: float = 0) -> str:
    """Return a rectangle with round corners whose upper left corner is at (x, y)."""
    place = f' x="{number(x)}" y="{number(y)}"' if x or y else ""
    size = f'width="{number(width)}" height="{number(height)}" rx="{number(radius)}"'
    return f'<rect class="{look}"{place} {size}/>'


def pill(text: str, middle: float, y: float, look: str = "pill") -> str:
    """Return a label with a short text, centred at *middle*."""
    width = pill_width(text)
    label = write(text, middle, y + 14, SMALL, "condition", "middle")
    return rect(look, width, PILL, PILL / 2, middle - width / 2, y) + label


def pill_width(text: str) -> float:
    """Return the width of a label."""
    return width_of(text, SMALL) + 20


def line(points: Sequence[tuple[float, float]], look: str = "line", *, arrow: bool = True) -> str:
    """Return a line with rounded corners and horizontal or vertical segments."""
    path = f"M{_point(points[0])}"
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        path += f"L{_point(_toward(corner, before))}Q{_point(corner)} "
        path += _point(_toward(corner, after))
    svg = f'<path class="{look}" d="{path}L{_point(points[-1])}"/>'
    return svg + (_head(points[-2], points[-1]) if arrow else "")


def column(blocks: Sequence[Block], labels: Sequence[str]) -> Block:
    """Return blocks in a column, with labelled arrows between them."""
    axis = max(block.axis for block in blocks)
    right = max(block.width - block.axis for block in blocks)
    right = max(right, *(width_of(label, SMALL) + 10 for label in labels), 0)
    parts, y = [], 0.0
    for position, block in enumerate(blocks):
        if position:
            label = labels[position - 1]
            gap = LABELLED_GAP if label else GAP
            parts.append(line([(axis, y), (axis, y + gap)]))
            if label:
                parts.append(write(label, axis + 8, y + gap / 2 + 2, SMALL, "type"))
            y += gap
        parts.append(moved(block.svg, axis - block.axis, y))
        y += block.height
    return Block(axis + right, y, axis, "".join(parts))


def dot(look: str, radius: float) -> Block:
    """Return a circle."""
    svg = f'<circle class="{look}" cx="{number(radius)}" cy="{number(radius)}"'
    return Block(2 * radius, 2 * radius, radius, f'{svg} r="{number(radius)}"/>')


def _point(point: tuple[float, float]) -> str:
    return f"{number(point[0])} {number(point[1])}"


def _toward(corner: tuple[float, float], other: tuple[float, float]) -> tuple[float, float]:
    """Return the point where the curve at *corner* ends on the way to *other*."""
    (x, y), (to_x, to_y) = corner, other
    length = abs(to_x - x) + abs(to_y - y)
    share = min(8.0, length / 2) / length if length else 0.0
    return x + (to_x - x) * share, y + (to_y - y) * share


def _head(before: tuple[float, float], tip: tuple[float, float]) -> str:
    (x, y), (from_x, from_y) = tip, before
    if x == from_x:
        back = y - 2 * HEAD if y > from_y else y + 2 * HEAD
        corners = (x - HEAD, back), (x + HEAD, back)
    else:
        back = x - 2 * HEAD if x > from_x else x + 2 * HEAD
        corners = (back, y - HEAD), (back, y + HEAD)
    return f'<path class="head" d="M{_point(tip)}L{_point(corners[0])}L{_point(corners[1])}Z"/>'
