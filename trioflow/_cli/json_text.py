"""Parses JSON that a user typed: strictly, and with errors that show the mistake."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any, NoReturn

from trioflow._cli.errors import UsageError

AROUND = 30
"""Number of characters that are shown before and after a mistake in a line."""


def parse_json(text: str, source: str) -> Any:
    """Return the value of a JSON string.

    What JSON or Python leaves open is refused: NaN and infinite numbers, numbers that a float
    cannot hold, and objects in which a key occurs twice, of which only one value would count.

    Raises:
      UsageError: if it is not such JSON; the message names *source*, line and column, and quotes
        the line.
    """

    def no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise UsageError(f"{source}: {_repeated(pairs)}")
        return found

    try:
        return json.loads(
            text,
            parse_constant=_no_constant,
            parse_float=_finite,
            object_pairs_hook=no_duplicates,
        )
    except json.JSONDecodeError as exc:
        problem = f"{exc.msg} (line {exc.lineno}, column {exc.colno})"
        raise UsageError(f"{source} is not JSON: {problem}{_excerpt(exc)}") from exc
    except (ValueError, RecursionError) as exc:
        raise UsageError(f"{source} is not JSON: {exc}") from exc


def _repeated(pairs: list[tuple[str, Any]]) -> str:
    [(key, _)] = Counter(key for key, _ in pairs).most_common(1)
    return f"key {json.dumps(key)[:AROUND]} occurs twice in one object; remove one of them"


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text[:20]} is too large for a float")
    return number


def _excerpt(exc: json.JSONDecodeError) -> str:
    lines = exc.doc.splitlines()
    if not exc.doc.strip():
        return "; it is empty"
    if exc.lineno > len(lines):
        return ""
    start = max(exc.colno - 1 - AROUND, 0)
    shown = lines[exc.lineno - 1][start : exc.colno - 1 + AROUND].replace("\t", " ")
    excerpt = f"\n  {shown}\n  {' ' * (exc.colno - 1 - start)}^"
    if exc.doc.strip().replace(" ", "").isalnum():
        excerpt += "\na JSON string needs double quotes inside those of the shell: '\"...\"'"
    return excerpt
