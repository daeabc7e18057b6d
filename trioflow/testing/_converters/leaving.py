"""Promises about types of others: a plugin does not affect them."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypedDict
from uuid import UUID

import attrs

from trioflow._values.structure import faults_of, type_name
from trioflow.describe._schema import describe_type
from trioflow.testing._converters.bench import Bench, Promise, Refused, Taken, expect
from trioflow.testing._converters.values import alike, shortened
from trioflow.wire._converter import make_wire_converter
from trioflow.wire._values import to_json


class Color(Enum):
    RED = "red"


@attrs.frozen
class ByAttrs:
    number: int
    color: Color = Color.RED


@dataclasses.dataclass(frozen=True)
class ByDataclass:
    number: int
    day: date = date(2026, 1, 2)


class ByKeys(TypedDict):
    number: int


class ByIndex(NamedTuple):
    number: int
    word: str = ""


class Opaque:
    """A class that neither trioflow nor the plugin supports."""


OPAQUE = Opaque()
VALUES: tuple[tuple[Any, Any], ...] = (
    (int, 1),
    (float, 1.5),
    (bool, True),
    (str, "a"),
    (None, None),
    (bytes, b"\xff"),
    (date, date(2026, 1, 2)),
    (datetime, datetime(2026, 1, 2, 3, 4, 5, 6, UTC)),
    (timedelta, timedelta(seconds=1.5)),
    (Decimal, Decimal("1.10")),
    (UUID, UUID(int=1)),
    (Path, Path("a/b")),
    (Color, Color.RED),
    (Literal["a", 1], 1),
    (list[int], [1]),
    (tuple[int, str], (1, "a")),
    (set[str], {"a"}),
    (dict[str, float], {"a": 1.5}),
    (ByAttrs, ByAttrs(1)),
    (ByDataclass, ByDataclass(1)),
    (ByKeys, {"number": 1}),
    (ByIndex, ByIndex(1)),
    (ByAttrs | int | None, ByAttrs(1)),
    (Opaque, OPAQUE),
)
"""Types of others, each with a value."""
OTHERS: tuple[Any, ...] = ("1", 1, 1.0, True, None, [], {}, {"number": "1"}, {"number": 1, "x": 1})
"""Further input for these types."""


def others_are_left_alone(bench: Bench) -> None:
    """Check types of others against a converter and schemas without the plugin."""
    plain = make_wire_converter()

    def read(type_: Any, given: Any) -> Taken | Refused:
        try:
            return Taken(plain.structure(given, type_))
        except Exception as exc:
            return Refused(tuple(faults_of(exc)))

    for type_, value in VALUES:
        name = type_name(type_)
        described = describe_type(type_, lambda _: None)
        expect(bench.schema(type_), described, f"the schema of {name}")
        written = value if value is OPAQUE else to_json(value, "", plain)
        if value is not OPAQUE:
            expect(bench.write(value), written, f"the written form of {name}")
        for given in (value, written, *OTHERS):
            found, wanted = bench.read(type_, given), read(type_, given)
            if not _are_same(found, wanted):
                what = f"{shortened(given)} as {name}"
                raise AssertionError(f"{what} becomes {found}, but {wanted} without the plugin")


def _are_same(one: Taken | Refused, other: Taken | Refused) -> bool:
    if isinstance(one, Taken) and isinstance(other, Taken):
        return alike(one.value, other.value)
    return one == other


PROMISES = (Promise("types of others are not affected", others_are_left_alone),)
