"""Tables and lists of the reference, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable


def first_paragraph(docstring: str | None) -> str:
    """Return the first paragraph of a docstring in one line of Markdown."""
    paragraph = re.split(r"\n\s*\n", (docstring or "").strip())[0]
    return as_markdown(" ".join(paragraph.split()))


def as_markdown(text: str) -> str:
    """Turn reST literals and names in backticks into Markdown's."""
    return re.sub(r"(?<!`)`([^`]+)`(?!`)", r"`\1`", text.replace("``", "`"))


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(map(in_cell, line))} |" for line in lines)


def in_cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
