"""Enums, literals, keys and strings: each kind on which schema, input and writing once differed."""

from __future__ import annotations

import collections
import enum
import math
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest

from tests.meaning import BENCH, agree
from tests.naming import name_of
from trioflow.describe import json_schema
from trioflow.testing._converters.bench import Refused

pytestmark = pytest.mark.slow


# ---------------------------------------------------------------- enums and literals
class Point(enum.Enum):
    ORIGIN = (0, 0)
    UNIT = (0, 1)


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Mixed(enum.Enum):
    RED = "red"
    TWO = 2
    HALF = 0.5
    NONE = None
    BOTH = frozenset({1, 2})


class Opaque(enum.Enum):
    PLUS = object()
    MINUS = object()  # noqa: PIE796 - another one


class Bound(enum.Enum):
    FEW = 3
    ALL = math.inf


class Alike(enum.Enum):
    TUPLE = (1,)
    LIST = [1]  # noqa: RUF012


class Spelled(str, enum.Enum):  # noqa: UP042 - as it is often written
    RED = "red"


class Raw(bytes, enum.Enum):
    X = b"x"


class Empty(enum.Enum):
    pass


class Perm(enum.Flag):
    R = 1
    W = 2


class Sparse(enum.Flag):
    A = 1
    C = 4


class Lenient(enum.Flag, boundary=enum.CONFORM):
    A = 1
    B = 2


class Ejecting(enum.IntFlag, boundary=enum.EJECT):
    A = 1
    B = 2


class Keeping(enum.IntFlag):
    A = 1


ENUMS: list[tuple[Any, list[Any], list[Any]]] = [
    (Point, [[0, 0], [0, 1]], [[0], [False, 0], [0.0, 0], "ORIGIN", 0]),
    (Level, [1, 2], [True, 1.0, "1", "LOW", 3]),
    (Mixed, ["red", 2, 0.5, None, [1, 2]], ["RED", 2.0, [2, 1], [1]]),
    (Opaque, ["PLUS", "MINUS"], ["<object>", None, 0]),
    (Bound, ["FEW", "ALL"], [3, "inf", None]),
    (Alike, ["TUPLE", "LIST"], [[1]]),
    (Spelled, ["red"], ["RED", 1]),
    (Raw, ["eA=="], ["x", "X"]),
    (Empty, [], [None, "", 0, {}]),
    (Perm, [0, 1, 2, 3], [4, -1, True, 1.0, "R"]),
    (Sparse, [0, 1, 4, 5], [2, 3, 8, -1, False]),
    (Lenient, [0, 3], [4, 7, -1]),
    (Ejecting, [0, 3], [4, -1]),
    (Keeping, [0, 1, 8], [-1, True]),
    (Literal[Level.LOW, "x", None], [1, "x", None], [2, True, "1", "LOW"]),
    (Literal[b"x", "x"], ["eA==", "x"], ["y"]),
    (Literal[1, True], [1, True], [0, False, 1.0]),
    (Literal[Point.UNIT], [[0, 1]], [[0, 0], [False, 1], "UNIT"]),
    (Literal[Opaque.PLUS], ["PLUS"], ["MINUS"]),
]


@pytest.mark.parametrize(("type_", "fits", "refused"), ENUMS, ids=name_of)
def test_members_and_constants(type_: Any, fits: list[Any], refused: list[Any]) -> None:
    agree(type_, fits=fits, refused=refused)
    if isinstance(type_, type) and len(type_):  # type: ignore[arg-type]
        agree(type_, *type_)  # type: ignore[misc]


def test_combined_flags() -> None:
    agree(Perm, Perm.R | Perm.W, Perm(0))
    agree(Sparse, Sparse(5))
    agree(Keeping, Keeping(9))
    assert json_schema(Perm) == {
        "type": "integer",
        "minimum": 0,
        "maximum": 3,
        "description": "a sum of 1 R, 2 W",
    }


def test_a_rule_of_the_enum_itself_is_obeyed() -> None:
    class Loose(enum.Enum):
        RED = "red"

        @classmethod
        def _missing_(cls, value: object) -> Loose | None:
            return cls.RED if value == "RED" else None

    assert BENCH.take(Loose, "RED") is Loose.RED
    assert isinstance(BENCH.read(Loose, "blue"), Refused)


def test_a_member_is_also_found_by_a_value_that_json_lacks() -> None:
    assert BENCH.take(Point, (0, 1)) is Point.UNIT
    assert BENCH.take(Bound, math.inf) is Bound.ALL
    assert BENCH.take(Literal[b"x"], b"x") == b"x"
    assert isinstance(BENCH.read(Level, Spelled.RED), Refused)


# ---------------------------------------------------------------- keys
KEYS: list[tuple[Any, dict[Any, Any], list[str], list[str]]] = [
    (dict[int, int], {1: 1, -7: 2}, ["0", "12"], ["x", "01", "1.0", "+1", "-0", " 1", "1\n", ""]),
    (dict[bool, int], {True: 1}, ["false"], ["True", "1", ""]),
    (dict[int | None, int], {None: 1, 5: 2}, ["null", "3"], ["None", "x"]),
    (dict[Literal["a", 1], int], {"a": 1, 1: 2}, ["1"], ["c", "2"]),
    (dict[date, int], {date(2024, 2, 29): 1}, ["2026-01-02"], ["x", "2026-02-29", "20260102"]),
    (dict[UUID, int], {UUID(int=5): 1}, [str(UUID(int=1))], ["x", UUID(int=1).hex]),
    (dict[Spelled, int], {Spelled.RED: 1}, ["red"], ["blue", "RED"]),
    (dict[Level, int], {Level.LOW: 1}, ["1", "2"], ["3", "LOW"]),
    (dict[Opaque, int], {Opaque.PLUS: 1}, ["MINUS"], ["x"]),
    (dict[Perm, int], {Perm(3): 1}, ["0"], ["4", "R"]),
    (dict[bytes, int], {b"x": 1}, ["eA=="], ["x"]),
    (dict[Annotated[int, "a number"], int], {1: 1}, ["2"], ["x"]),
    (dict[str, int], {"1": 1}, ["", "x"], []),
    (dict[tuple[int, int], int], {}, [], ["[1, 2]", "x"]),
    (dict[float, int], {}, [], ["1", "1.5", "x"]),
    (collections.Counter[int], collections.Counter({1: 2}), ["5"], ["x"]),
    (collections.OrderedDict[int, int], collections.OrderedDict({1: 2}), ["5"], ["x"]),
]


@pytest.mark.parametrize(("type_", "value", "fits", "refused"), KEYS, ids=name_of)
def test_keys(type_: Any, value: Any, fits: list[str], refused: list[str]) -> None:
    agree(type_, value, fits=[{key: 1} for key in fits], refused=[{key: 1} for key in refused])


# ---------------------------------------------------------------- strings
STRINGS: list[tuple[Any, list[str], list[str]]] = [
    (
        datetime,
        [
            "2026-01-02T03:04:05",
            "2026-01-02 03:04",
            "2026-01-02T03:04:05.123456Z",
            "2024-02-29T00:00:00+01:30",
            "0001-01-01T00:00:00-00:00:01",
        ],
        [
            "2026-01-02",
            "20260102T030405",
            "2026-02-29T00:00:00",
            "2026-01-02T24:00:00",
            "2026-W01-1T00:00:00",
            "0000-01-01T00:00:00",
            "2026-01-02T03:04:05.1234567",
            "2026-01-02T03:04:05z",
            "2026-01-02T03:04:05+24:00",
            "soon",
        ],
    ),
    (date, ["2024-02-29", "2000-02-29"], ["1900-02-29", "2026-04-31", "2026-1-2", "20260102"]),
    (time, ["03:04", "03:04:05.1+01:00"], ["03", "24:00", "T03:04", "03:04:60"]),
    (
        timedelta,
        ["0", "1.5", "-1", "1e3", "86399999999999.999999"],
        ["", "1.1234567", "1 s", "PT1S", "86400000000000", "1_000", "inf", "\uff11"],
    ),
    (
        Decimal,
        ["1.50", "-.5", "1E+3", "1.", "Infinity", "NaN", "-sNaN12"],
        ["", "1_000", " 1", "1,5", "inf", "\uff11", "0x1"],
    ),
    (UUID, ["12345678-1234-5678-1234-567812345678"], ["1" * 32, "{" + str(UUID(int=1)) + "}"]),
    (
        bytes,
        ["", "eA==", "eHk=", "eHl6"],
        ["eA", "eA=", "e A==", "eA==\n", "é", "eA==eA==", "===="],
    ),
]


@pytest.mark.parametrize(("type_", "fits", "refused"), STRINGS, ids=name_of)
def test_values_that_are_strings_in_json(type_: Any, fits: list[str], refused: list[str]) -> None:
    agree(type_, fits=fits, refused=[*refused, *(f"{text}\n" for text in fits), 5, None])
