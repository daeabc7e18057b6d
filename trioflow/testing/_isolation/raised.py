"""Exceptions that bodies may raise, one of each kind; none may escape from its run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import trio


class Silent(Exception):  # noqa: N818 - these are named for what is odd about them
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Textless(Exception):  # noqa: N818
    def __str__(self) -> str:
        return None  # type: ignore[return-value]  # noqa: PLE0307


class Demanding(Exception):  # noqa: N818
    """Cannot be recreated from its arguments."""

    def __init__(self, first: object, *, second: object) -> None:
        super().__init__()


class Incomparable(Exception):  # noqa: N818
    def __eq__(self, other: object) -> bool:
        raise RuntimeError("no comparing")

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        raise RuntimeError("no truth")


class Masked(Exception):  # noqa: N818
    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise RuntimeError("no class")

    @property
    def __notes__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("no notes")


@dataclass(frozen=True)
class Frozen(Exception):  # noqa: N818
    """Refuses all assignments, even of its traceback."""

    number: int


class Final(BaseException):
    """A BaseException that is not an Exception."""


class Noisy(BaseExceptionGroup[BaseException]):
    """A group that cannot be split."""

    def derive(self, excs: Any, /) -> NoReturn:
        raise RuntimeError("no deriving")


def deep_group() -> BaseException:
    """Return deeply nested exception groups."""
    error: Exception = ValueError("innermost")
    for _ in range(100):
        error = ExceptionGroup("outer", [error])
    return error


RAISED: Mapping[str, Callable[[], BaseException]] = {
    "an ordinary exception": lambda: ValueError("no"),
    "an exception whose __str__ raises": Silent,
    "an exception without a string form": Textless,
    "an exception that needs arguments": lambda: Demanding(1, second=2),
    "an exception that cannot be compared": Incomparable,
    "an exception that hides its class": Masked,
    "an exception that is frozen": lambda: Frozen(1),
    "an exception with a lone surrogate": lambda: ValueError("lone \ud800"),
    "StopIteration": lambda: StopIteration(1),
    "StopAsyncIteration": lambda: StopAsyncIteration(1),
    "GeneratorExit": GeneratorExit,
    "SystemExit": lambda: SystemExit(2),
    "the cancellation of another event loop": asyncio.CancelledError,
    "a BaseException": Final,
    "a group": lambda: ExceptionGroup("two", [OSError("a"), ValueError("b")]),
    "a group with an exit": lambda: BaseExceptionGroup("two", [SystemExit(1), ValueError("b")]),
    "a group that cannot be split": lambda: Noisy("two", [SystemExit(1), ValueError("b")]),
    "a group of groups": deep_group,
}
"""The kinds of exceptions, and functions that create them."""


FOREIGN = "the cancellation of another scope"


async def all_kinds() -> Mapping[str, Callable[[], BaseException]]:
    """Return these, and the Cancelled of a scope that has already exited."""
    with trio.CancelScope() as scope:
        scope.cancel()
        try:
            await trio.lowlevel.checkpoint()
        except trio.Cancelled as exc:
            cancelled = exc
            raise
    return {**RAISED, FOREIGN: lambda: cancelled}
