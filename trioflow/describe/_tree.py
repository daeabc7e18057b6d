"""An outline as a string, with lines that show the nesting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trioflow.describe._outline import Outline, Resolve, outline
from trioflow.workflow import Workflow


def to_tree(
    workflow: Workflow[Any, Any], resolve: Resolve | None = None, *, sources: bool = True
) -> str:
    """Return a workflow as a tree, one line per node, without a final newline.

    Args:
      workflow: What to describe.
      resolve: Returns a definition that the workflow refers to by id.
      sources: Whether conditions that are short lambdas appear as their source.
    """
    root = outline(workflow, resolve, sources=sources)
    return "\n".join([_line(root), *_below(root, "")])


def _below(entry: Outline, indent: str) -> Iterator[str]:
    for position, child in enumerate(entry.children, 1):
        last = position == len(entry.children)
        yield f"{indent}{'└─' if last else '├─'} {_line(child)}"
        yield from _below(child, indent + ("   " if last else "│  "))


def _line(entry: Outline) -> str:
    parts = []
    if entry.condition and entry.kind not in ("while", "until"):
        parts.append(f"if {entry.condition}:")
    if entry.kind in ("tool", "map", "sleep"):
        parts.append(entry.kind)
    parts.append(f"{entry.label}, {entry.note}" if entry.note else entry.label)
    if entry.types:
        parts.append(f"({entry.types})")
    return " ".join(" ".join(parts).split())
