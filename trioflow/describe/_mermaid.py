"""A workflow as a Mermaid flowchart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from typing import Any, TypeAlias

import attrs

from trioflow.describe._outline import Outline, Resolve, outline
from trioflow.workflow import Workflow

Exits: TypeAlias = tuple[tuple[str, str], ...]
"""The exits of a part of the chart: names of boxes, each with the label of its arrow."""


def to_mermaid(workflow: Workflow[Any, Any], resolve: Resolve | None = None) -> str:
    """Return a workflow as the source of a Mermaid flowchart, without a final newline.

    Nested workflows and the bodies of ``foreach`` are frames, blocks of arms begin at a
    hexagon (parallel) or a diamond (branch), and loops lead back from a diamond.

    Args:
      workflow: What to describe.
      resolve: Returns a definition that the workflow refers to by id.
    """
    chart = _Chart()
    root = outline(workflow, resolve)
    start = chart.box(root.label, "([{}])")
    exits = chart.chain(root.children, ((start, ""),))
    chart.link(exits, chart.box("end", "([{}])"))
    return "\n".join(["flowchart TD", *chart.boxes, *chart.arrows])


def escape_label(text: str) -> str:
    """Return *text* as a quoted Mermaid label that shows exactly these characters.

    Everything that Mermaid or its HTML labels might read as mark-up is written as an
    entity; a line break becomes a space.
    """
    text = " ".join(text.split())
    # "1. x" and "- x" would be read as lists, and rejected.
    marker = re.match(r"(?:\d+[.)]|[-+*])(?= )", text)
    head = text[: marker.end()] if marker else ""
    escaped = "".join(f"#{ord(char)};" for char in head)
    return f'"{escaped}{_UNSAFE.sub(lambda match: f"#{ord(match[0])};", text[len(head) :])}"'


# An underscore at the edge of a word would be read as emphasis.
# A colon could start the name of an icon.
_UNSAFE = re.compile(r"[^\w .,()/'=-]|(?<![^\W_])_|_(?![^\W_])")


def _text(entry: Outline) -> str:
    return f"{entry.label}, {entry.note}" if entry.note else entry.label


@attrs.define
class _Chart:
    boxes: list[str] = attrs.field(factory=list)
    """The lines that draw boxes and frames."""
    arrows: list[str] = attrs.field(factory=list)
    """The lines that draw arrows; inside a frame they would pull their boxes into it."""
    indent: str = "  "
    names: Iterator[str] = attrs.field(factory=lambda: map("n{}".format, count()))
    frames: Iterator[str] = attrs.field(factory=lambda: map("f{}".format, count()))

    def box(self, text: str, shape: str = "[{}]") -> str:
        """Draw a box and return its name."""
        name = next(self.names)
        self.boxes.append(self.indent + name + shape.format(escape_label(text)))
        return name

    def link(self, exits: Exits, box: str) -> None:
        """Draw the arrows that lead to *box*."""
        for name, text in exits:
            arrow = f"-->|{escape_label(text)}|" if text else "-->"
            self.arrows.append(f"  {name} {arrow} {box}")

    def chain(self, entries: tuple[Outline, ...], exits: Exits) -> Exits:
        """Draw entries in sequence, and return the exits of the last one."""
        for entry in entries:
            exits = self._entry(entry, exits)
        return exits

    def _entry(self, entry: Outline, exits: Exits) -> Exits:
        match entry.kind:
            case "workflow" if entry.children:
                return self._frame(entry.label, entry.children, exits)
            case "foreach":
                return self._frame(_text(entry), entry.children, exits)
            case "parallel" | "branch":
                return self._arms(entry, exits)
            case "while" | "until":
                return self._loop(entry, exits)
            case "wait":
                exits = self._single(entry, exits, "({})")
                return self.chain(entry.children, exits)
            case _:
                return self._single(entry, exits, _SHAPES.get(entry.kind, "[{}]"))

    def _single(self, entry: Outline, exits: Exits, shape: str) -> Exits:
        box = self.box(_text(entry), shape)
        self.link(exits, box)
        return ((box, ""),)

    def _frame(self, title: str, entries: tuple[Outline, ...], exits: Exits) -> Exits:
        self.boxes.append(f"{self.indent}subgraph {next(self.frames)}[{escape_label(title)}]")
        self.indent += "  "
        exits = self.chain(entries, exits)
        self.indent = self.indent[:-2]
        self.boxes.append(f"{self.indent}end")
        return exits

    def _arms(self, entry: Outline, exits: Exits) -> Exits:
        branch = entry.kind == "branch"
        fork = self.box(entry.label, "{{{}}}" if branch else "{{{{{}}}}}")
        self.link(exits, fork)
        ends: Exits = ((fork, "otherwise"),) if branch else ()
        for arm in entry.children:
            ends += self._entry(arm, ((fork, arm.condition),))
        return ends

    def _loop(self, entry: Outline, exits: Exits) -> Exits:
        # The arrow back leads to a box before the body, whatever the body begins with.
        entrance = self.box(entry.label, "([{}])")
        self.link(exits, entrance)
        exits = self.chain(entry.children, ((entrance, ""),))
        test = self.box(entry.condition, "{{{}}}")
        self.link(exits, test)
        again, on = ("no", "yes") if entry.kind == "until" else ("yes", "no")
        self.link(((test, again),), entrance)
        return ((test, on),)


_SHAPES = {"tool": "[/{}/]", "map": "[\\{}/]", "sleep": "({})", "unresolved": "[{}]"}
