"""Entries with a long text, which is kept in the parts it was written in.

Joining them would need the memory twice, and once more in the database's driver. Stores that can
write a text in parts do so; for others the entry looks like any other one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trioflow.abc import Entry

LONG = 1 << 20
"""From how many characters on the parts of a text are not joined."""


class LongEntry(Entry):
    """An entry whose text is joined each time it is read."""

    __slots__ = ("_parts",)
    _parts: Sequence[str]

    def __init__(self, seq: int, at: float, parts: Sequence[str]) -> None:
        for name, value in (("seq", seq), ("at", at), ("_parts", parts)):
            object.__setattr__(self, name, value)

    @property
    def text(self) -> str:
        return "".join(self._parts)

    @property
    def parts(self) -> Sequence[str]:
        return self._parts

    def __eq__(self, other: Any) -> bool:
        if not isinstance(other, Entry):
            return NotImplemented
        same = (self.seq, self.at, self.length) == (other.seq, other.at, other.length)
        return same and self.text == other.text

    __hash__ = Entry.__hash__


def entry_of(seq: int, at: float, parts: Sequence[str]) -> Entry:
    """Return an entry with the text of these parts."""
    if sum(map(len, parts)) < LONG:
        return Entry(seq, at, "".join(parts))
    return LongEntry(seq, at, parts)
