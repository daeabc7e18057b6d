"""The known types of the values between the entries of an outline."""

from __future__ import annotations

from collections.abc import Iterable

from trioflow.describe import Outline


def takes(entry: Outline) -> str:
    """Return the input type of an entry, if it is known."""
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
    """Return the output type of an entry, if it is known; *value* is the type of its input."""
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
