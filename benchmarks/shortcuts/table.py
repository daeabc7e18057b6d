"""The table of what the shortcuts save."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.history import machine
from benchmarks.shortcuts.shortcut import Saving

FILE = Path(__file__).parents[1] / "SHORTCUTS.md"

HEAD = """# What shortcuts save

Code that is there for speed alone, and what it saves. Written by `python -m benchmarks.shortcuts`;
do not edit it. Medians in nanoseconds of {samples} turns that each shortcut and its plain twin took
one after the other; *saved* is the median of the differences, turn by turn. Where a shortcut is a
small part of what is measured, such as a whole step, the other figures are those of the whole.
`tests/properties/test_fast_equals_plain.py` shows that both give the same.

{versions}

| shortcut | where | fast | in place of | per | fast, ns | plain, ns | saved, ns |
| --- | --- | --- | --- | --- | ---: | ---: | ---: |
"""


def document(savings: Sequence[Saving]) -> str:
    """Return the whole file."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("trio", "attrs", "cattrs"))
    versions = f"Python {platform.python_version()}, {packages}; {machine()}."
    rows = "".join(f"{row(saving)}\n" for saving in savings)
    return HEAD.format(samples=savings[0].samples, versions=versions) + rows


def row(saving: Saving) -> str:
    shortcut = saving.shortcut
    words = (f"`{shortcut.id}`", shortcut.where, shortcut.fast, shortcut.plain, shortcut.per)
    return f"| {' | '.join((*words, *figures(saving)))} |"


def line(saving: Saving) -> str:
    """Return what is shown while it is measured."""
    fast, plain, saved = figures(saving)
    id, per = saving.shortcut.id, saving.shortcut.per
    return f"{id:18} {fast:>9} ns, plain {plain:>9} ns, saved {saved:>8} ns per {per}"


def figures(saving: Saving) -> tuple[str, str, str]:
    fast, plain, saved = saving.fast, saving.plain, saving.saved
    return f"{fast * 1e9:,.0f}", f"{plain * 1e9:,.0f}", f"{saved * 1e9:,.0f}"
