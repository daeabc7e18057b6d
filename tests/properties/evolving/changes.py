"""What may change in a class, and what becomes of a recorded value of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import attrs

from tests.properties.evolving.families import Family, Field


@attrs.frozen
class Change:
    """One field of a class has changed."""

    name: str
    before: Sequence[Field]
    values: Mapping[str, Any]
    """The fields of the value that the first version has recorded."""
    after: Sequence[Field]
    expected: Mapping[str, Any] | None
    """The fields of what the second version makes of it; None if it must refuse it."""
    expected_of_dicts: Mapping[str, Any] | None = None
    """The same for a TypedDict, if it is not the same: it may lack what has a default."""
    fault: str = ""
    """What is to be read in the refusal then."""

    def __str__(self) -> str:
        return self.name

    def expected_by(self, family: Family) -> Mapping[str, Any] | None:
        """Return the fields of what is made of the value; None if it is refused."""
        if family.makes_dicts and self.expected_of_dicts is not None:
            return self.expected_of_dicts
        return self.expected


@dataclass
class Other:
    """A class that takes none of these values."""

    other: int


KEPT = Field("kept", str)


def _changed(
    name: str, before: Any, value: Any, after: Any, expected: Any = None, fault: str = "b"
) -> Change:
    """Return a change of the type of the field *b*."""
    return Change(
        name,
        [KEPT, Field("b", before)],
        {"kept": "k", "b": value},
        [KEPT, Field("b", after)],
        None if expected is None else {"kept": "k", "b": expected},
        fault=fault,
    )


OLD, VALUES = [KEPT, Field("b", int)], {"kept": "k", "b": 2}
CHANGES: Sequence[Change] = (
    Change("nothing", OLD, VALUES, OLD, VALUES),
    Change(
        "added with a default",
        OLD,
        VALUES,
        [*OLD, Field("c", int, 7)],
        {**VALUES, "c": 7},
        expected_of_dicts=VALUES,
    ),
    Change("added without a default", OLD, VALUES, [*OLD, Field("c", int)], None, fault="c"),
    Change("removed", OLD, VALUES, [KEPT], {"kept": "k"}),
    Change("renamed", OLD, VALUES, [KEPT, Field("beta", int)], None, fault="'b'"),
    Change(
        "renamed, with a default",
        OLD,
        VALUES,
        [KEPT, Field("beta", int, 0)],
        None,
        expected_of_dicts={"kept": "k"},
        fault="'beta'",
    ),
    _changed("int to str", int, 2, str),
    _changed("str to int", str, "2", int),
    _changed("to a union with the old type", int, 2, int | str, 2),
    _changed("to a union with the old class", str, "s", str | Other, "s"),
    _changed("to an optional type", int, 2, int | None, 2),
    _changed("to a union of others", int, 2, str | list[int]),
    _changed("from a union, of an arm that stays", int | str, 2, int, 2),
    _changed("from a union, of an arm that goes", int | str, "s", int),
    _changed("int to float", int, 2, float, 2.0),
    _changed("float to int", float, 0.5, int),
    _changed("to a class", int, 2, Other),
    _changed("to another type of items", list[int], [2, 3], list[str], fault="b[0]"),
    _changed("to a tuple", list[int], [2, 3], tuple[int, ...], (2, 3)),
    _changed("to anything", int, 2, Any, 2),
)
