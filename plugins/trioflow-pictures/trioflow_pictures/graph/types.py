"""The types of the values that flow between the entries of an outline, as far as they are known."""

from __future__ import annotations

from collections.abc import Iterable

from trioflow.describe import Outline


def takes(entry: Outline) -> str:
    """Return the type of what an entry takes, if it is known."""
    match entry.kind:
        case "parallel" | "branch":
            return _common(map(takes, entry.children))
        case "while" | "until" | "wait":
            return takes(entry.children[0])
        case "foreach":
            item = takes(entry.children[0])
            return item and f"list[{item}]"
        case _:
            return entry.input


def gives(entry: Outline, value: str) -> str:
    """Return the type of what an entry gives if it is known; *value* is what it is given."""
    match entry.kind:
        case "while" | "until" | "wait":
            return gives(entry.children[0], "")
        case "foreach":
            item = gives(entry.children[0], "")
            return item and f"list[{item}]"
        case "sleep":
            return value
        case _:
            return entry.output


def _common(types: Iterable[str]) -> str:
    found = set(types)
    return found.pop() if len(found) == 1 else ""
