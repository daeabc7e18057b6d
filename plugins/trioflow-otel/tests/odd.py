"""Values and errors that are as odd as those of users can be."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st


class Rude:
    """Has no string."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class Liar:
    """Has a string that is none."""

    def __str__(self) -> str:
        return 5  # type: ignore[return-value]  # noqa: PLE0307


class RudeStr(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("no text")


class RudeMapping(Mapping[Any, Any]):
    def __getitem__(self, key: Any) -> Any:
        raise KeyError(key)

    def __iter__(self) -> Iterator[Any]:
        raise RuntimeError("no items")

    def __len__(self) -> int:
        return 1


class EndlessMapping(RudeMapping):
    def __getitem__(self, key: Any) -> Any:
        return key

    def __iter__(self) -> Iterator[Any]:
        while True:
            yield "key"


class RudeList(list[Any]):
    def __len__(self) -> int:
        raise RuntimeError("no length")

    def __iter__(self) -> Iterator[Any]:
        raise RuntimeError("no items")


class EndlessList(list[Any]):
    def __iter__(self) -> Iterator[Any]:
        while True:
            yield self


class Color(enum.IntEnum):
    RED = 1


class Name(enum.StrEnum):
    ADA = "ada"


def loop() -> dict[str, Any]:
    found: dict[str, Any] = {}
    found["self"] = found
    return found


def tangle() -> list[Any]:
    found: list[Any] = []
    found += [found, found, found]
    return found


def deep() -> list[Any]:
    found: list[Any] = []
    for _ in range(5000):
        found = [found]
    return found


ODD: Sequence[Any] = [
    *(Rude(), Liar(), RudeStr("a"), RudeMapping(), EndlessMapping(), RudeList([1])),
    *(EndlessList([1]), Rude, Color.RED, Name.ADA, loop(), tangle(), deep(), b"\xff"),
    *(2**80, -(2**63), 10**5000, float("nan"), float("inf"), "\udc80", "x" * 100_000),
    *(dt.date(2026, 1, 1), decimal.Decimal("1.5"), {("a", 1): 2}, {1, 2}, range(3)),
    *(["a", "\ud800"], [1, "a", None], {"k": [1.5, float("nan"), None, True]}, (), ""),
]


def odd_value(index: int) -> Any:
    """Return a value of which Hypothesis does not need the string."""
    return ODD[index]


odd_values: st.SearchStrategy[Any] = (
    st.integers(0, len(ODD) - 1).map(odd_value)
    | st.text(st.characters(codec=None))
    | st.floats()
    | st.integers()
)
odd: st.SearchStrategy[Any] = st.recursive(
    odd_values,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec=None)) | st.integers(), inner, max_size=3)
    ),
    max_leaves=5,
)


class MuteError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class RudeNameMeta(type):
    def __getattribute__(cls, name: str) -> Any:
        if name in ("__qualname__", "__module__", "__name__"):
            raise RuntimeError("no name")
        return super().__getattribute__(name)


class NamelessError(Exception, metaclass=RudeNameMeta):
    pass


class OddGroup(ExceptionGroup[Exception]):
    def __str__(self) -> str:
        return "\udfff"


def chained(count: int) -> Exception:
    error: Exception = ValueError("first")
    for number in range(count):
        error, error.__cause__ = ValueError(number), error
    return error


def own_cause() -> Exception:
    error = ValueError("own")
    error.__cause__ = error
    return error


ERRORS: Sequence[Exception] = [
    MuteError("x"),
    ValueError("\udc80 \ud83d"),
    ValueError("select " + "x" * 1_000_000),
    ValueError(Rude()),
    ValueError(loop()),
    KeyError(deep()),
    NamelessError("x"),
    OddGroup("o", [ValueError("a"), MuteError("b")]),
    ExceptionGroup("many", [ValueError("y" * 10_000) for _ in range(100)]),
    chained(300),
    own_cause(),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "odd"),
    SyntaxError("x", ("f", None, None, "\udc80")),
    OSError(2, "\udc80", "\udcff"),
    type("ÜnïcodeError", (Exception,), {"__module__": "\udc80" + "m" * 100_000})("x"),
]
