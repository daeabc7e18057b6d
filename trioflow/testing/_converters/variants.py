"""JSON that differs from a fitting value in one place, which a strict converter must notice."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any, Literal, TypeAlias

import attrs

Step: TypeAlias = str | int
Kind: TypeAlias = Literal["another type", "unknown key", "missing key", "another length"]

OTHERS: tuple[Any, ...] = (None, True, 7, 1.5, "x", [], {})
"""One value of each JSON type."""
UNKNOWN = "not-a-field"
"""A key that no class has."""


@attrs.frozen
class Variant:
    """JSON with one difference."""

    json: Any
    kind: Kind
    place: tuple[Step, ...]
    """Location of the difference: keys and indexes, from the outside in."""
    new: Any = None
    """The new value at that location, if it has another type."""

    others: Collection[str] = ()
    """If a key is missing: the other keys of its object."""

    def leads_here(self, path: str) -> bool:
        """Return whether the path of a fault leads to the difference, or ends above or below."""
        for step in self.place if self.kind != "missing key" else self.place[:-1]:
            if not path:
                return True
            match = _pattern(step).match(path)
            if match is None:
                return False
            path = path[match.end() :]
        # A missing field may have several names, but not the name of an existing one.
        return not any(_pattern(other).match(path) for other in self.others)


def _pattern(step: Step) -> re.Pattern[str]:
    """Return a pattern for a step of a location at the start of a path."""
    if isinstance(step, int):
        # A class may be written as a list; then its paths have the names of its fields.
        return re.compile(r"\[[^]]*\]|\.?\w+")
    plain = rf"\.?{re.escape(step)}(?![^.\[])|" if step.isidentifier() else ""
    return re.compile(rf"{plain}\[{re.escape(repr(step))}\]")


def variants(json: Any, place: tuple[Step, ...] = ()) -> Iterator[Variant]:
    """Yield all variants of a JSON value."""
    for other in _of_other_types(json):
        yield Variant(other, "another type", place, other)
    if isinstance(json, dict):
        yield Variant({**json, UNKNOWN: None}, "unknown key", (*place, UNKNOWN))
        for key, item in json.items():
            rest = {other: each for other, each in json.items() if other != key}
            yield Variant(rest, "missing key", (*place, key), others=tuple(rest))
            for inner in variants(item, (*place, key)):
                yield attrs.evolve(inner, json={**json, key: inner.json})
    if isinstance(json, list):
        yield Variant([*json, *(json[-1:] or [None])], "another length", place)
        if json:
            yield Variant(json[:-1], "another length", place)
        for index, item in enumerate(json):
            for inner in variants(item, (*place, index)):
                changed = [*json[:index], inner.json, *json[index + 1 :]]
                yield attrs.evolve(inner, json=changed)


def _of_other_types(json: Any) -> Iterator[Any]:
    """Yield values of all other JSON types, and values that a lenient reader would convert."""
    yield from (other for other in OTHERS if type(other) is not type(json))
    if isinstance(json, list | dict):
        return
    if not isinstance(json, str):
        yield str(json)
    elif json.lstrip("-").isdecimal():
        yield int(json)
    if type(json) is int and abs(json) < 2**53:
        yield float(json)
    if json is not None:
        yield [json]
