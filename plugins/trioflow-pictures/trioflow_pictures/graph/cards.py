"""Cards: the drawings of single entries of a workflow."""

from __future__ import annotations

from trioflow.describe import Outline
from trioflow_pictures.graph.block import SMALL, Block, called, rect, titled
from trioflow_pictures.graph.measure import number, shorten, width_of, write

BIG = 13
"""Font size of ids."""
LIMIT = 34
"""Maximum number of visible characters of a text; the tooltip has all of them."""
PADDING = 12
ICON = 16

ICONS = {
    "step": '<path d="M4 2.5L13 8L4 13.5Z"/>',
    "tool": '<path d="M10 2a4 4 0 0 0-3.6 5.6L2 12l2 2l4.4-4.4A4 4 0 0 0 14 6l-2.6 1.6l-2-2Z"/>',
    "map": '<path d="M6 2.5Q3.5 2.5 3.5 5T2 8Q3.5 8.5 3.5 11T6 13.5M10 2.5Q12.5 2.5 '
    '12.5 5T14 8Q12.5 8.5 12.5 11T10 13.5"/>',
    "sleep": '<circle cx="8" cy="8" r="6"/><path d="M8 4.5V8L10.5 9.5"/>',
    "wait": '<path d="M4 2.5H12M4 13.5H12M5 2.5V5L8 8L5 11V13.5M11 2.5V5L8 8L11 11V13.5"/>',
    "workflow": '<rect x="2" y="2" width="5" height="5" rx="1"/><rect x="9" y="9" width="5" '
    'height="5" rx="1"/><path d="M4.5 7V11.5H9"/>',
    "foreach": '<path d="M2 5.5V14H10.5M4.5 3V11.5H13.5V3Z"/>',
    "unresolved": '<path d="M5.5 6Q5.5 3 8 3T10.5 5.5Q10.5 7.5 8 8V10M8 12.5V13"/>',
}


def icon(kind: str, x: float, y: float) -> str:
    """Return the icon of a kind, 16 wide and high."""
    return f'<g class="icon" transform="translate({number(x)} {number(y)})">{ICONS[kind]}</g>'


def card(entry: Outline, at: str) -> Block:
    """Return the card of a step, tool, mapping, sleep, wait or collapsed workflow."""
    head, below = _texts(entry)
    shown = [shorten(head, LIMIT), shorten(below, LIMIT + 6)]
    text_width = max(width_of(shown[0], BIG), width_of(shown[1], SMALL))
    width = max(PADDING + ICON + 8 + text_width + PADDING, 96)
    height = 46 if below else 34
    radius = height / 2 if entry.kind in ("sleep", "wait") else 6
    left = PADDING + ICON + 8
    parts = [
        rect(f"card {entry.kind}", width, height, radius),
        icon(entry.kind, PADDING, (height - ICON) / 2),
        write(shown[0], left, 20 if below else 21.5, BIG, "id"),
    ]
    if below:
        parts.append(write(shown[1], left, 36, SMALL, "note"))
    svg = called(entry.kind, at, "".join(parts))
    return Block(width, height, width / 2, titled(svg, *about(entry)))


def about(entry: Outline) -> tuple[str, ...]:
    """Return the lines of an entry's tooltip; some may be empty."""
    return (
        f"{entry.kind} {entry.label}" if entry.kind in _NAMED else entry.label,
        entry.types,
        entry.note,
        entry.description,
        f"from plugin {entry.plugin}" if entry.plugin else "",
    )


_NAMED = ("step", "tool", "workflow", "map", "sleep", "unresolved")


def _texts(entry: Outline) -> tuple[str, str]:
    """Return the first line of a card, and its second line, which may be empty."""
    match entry.kind:
        case "sleep":
            return f"sleep {entry.note}", entry.label
        case "unresolved":
            return entry.label, "not known here"
        case _:
            plugin = f"from {entry.plugin}" if entry.plugin else ""
            return entry.label, entry.note or plugin
