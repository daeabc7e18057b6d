"""Exceptions of all kinds, and a body that raises them."""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

import attrs

from process_steps.values import Unreadable, refuse
from trioflow import step


class CodeError(Exception):
    """Has parameters that differ from its args."""

    def __init__(self, code: int, *, text: str) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code


@attrs.define(eq=False)
class FieldsError(Exception):
    """Has slots."""

    code: int
    text: str


class LockedError(Exception):
    """Cannot be pickled."""

    def __init__(self) -> None:
        super().__init__("locked")
        self.lock = threading.Lock()


# ---------------------------------------------------------------- exceptions with odd methods
class NoStrError(Exception):
    def __str__(self) -> str:
        raise ValueError("no string")


class ExitingStrError(Exception):
    def __str__(self) -> str:  # noqa: PLE0307 - it is to be wrong
        sys.exit("no string")


class WrongStrError(Exception):
    def __str__(self) -> str:
        return 5  # type: ignore[return-value]  # noqa: PLE0307


class NoReprError(Exception):
    def __repr__(self) -> str:
        raise ValueError("no repr")


class NoReduceError(Exception):
    def __reduce__(self) -> Any:
        raise ValueError("no pickle")


class ExitingReduceError(Exception):
    def __reduce__(self) -> Any:
        sys.exit("no pickle")


class NoInitError(Exception):
    def __init__(self, *args: Any) -> None:
        if args != ("x",) or not NoInitError.__dict__.get("may", True):
            raise ValueError("not made anew")
        NoInitError.may = False

    may = True


class ExitingStateError(Exception):
    def __reduce__(self) -> Any:
        return ExitingStateError, self.args, {}

    def __setstate__(self, state: Any) -> None:
        sys.exit("not read")


class OddNotesError(Exception):
    __notes__ = 5  # type: ignore[assignment]


HOSTILE: dict[str, type[Exception]] = {
    cls.__name__: cls
    for cls in (
        NoStrError,
        ExitingStrError,
        WrongStrError,
        NoReprError,
        NoReduceError,
        ExitingReduceError,
        NoInitError,
        ExitingStateError,
        OddNotesError,
    )
}


@step(runner="process")
def raise_hostile(what: str) -> None:
    """Raise an exception whose methods fail."""
    raise HOSTILE[what]("x")


@step(runner="process")
def fail(what: str) -> None:
    """Raise an exception of some kind."""
    match what:
        case "plain":
            error: BaseException = ValueError("no", 5)
            error.add_note("a note")
            raise error
        case "code":
            raise CodeError(7, text="seven")
        case "fields":
            raise FieldsError(7, "seven")
        case "os":
            os.stat("/nowhere/at/all")
        case "cause":
            try:
                refuse()
            except ValueError as exc:
                raise KeyError("outer") from exc
        case "locked":
            raise LockedError
        case "locked cause":
            try:
                raise LockedError
            except LockedError as exc:
                raise KeyError("outer") from exc
        case "local":

            class LocalError(Exception):
                pass

            raise LocalError("from nowhere")
        case "group":
            raise ExceptionGroup("two", [ValueError(1), FieldsError(2, "b")])
        case "recursion":
            fail.fn(what)
        case "circle":
            error = ValueError("round")
            error.__cause__ = KeyError("and round")
            error.__cause__.__cause__ = error
            raise error
        case "unreadable":
            raise ValueError(Unreadable())
