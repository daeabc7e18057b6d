"""Has one internal call of trioflow raise, while one run of an engine is in it."""

from __future__ import annotations

import signal
import sys
import types
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Literal

import attrs

import trioflow

ROOT = Path(trioflow.__file__).parent
INTERNAL = tuple(f"{ROOT}/{part}" for part in ("_engine/", "_values/", "wire/", "record.py"))
"""Where the functions are that may raise, with those of `trioflow.run` and `trioflow.engine`."""
for_the_run: ContextVar[bool] = ContextVar("for_the_run", default=False)
"""Whether what happens is for the run. Tasks of the run have it from where it was started."""

Kind = Literal["exception", "exit", "interrupt"]


class InjectedError(Exception):
    """What an internal call raises."""


@attrs.frozen(order=True)
class Point:
    """The n-th call of a function."""

    function: str
    """Module and name."""
    number: int

    def __str__(self) -> str:
        return f"call {self.number} of {self.function}"


def name_of(code: types.CodeType) -> str:
    """Return module and name of a function."""
    file = Path(code.co_filename).relative_to(ROOT.parent).with_suffix("")
    return f"{'.'.join(file.parts)}:{code.co_qualname}"


@attrs.define(eq=False)
class Survey:
    """Counts the calls of internal functions that are for the run."""

    calls: Counter[types.CodeType] = attrs.field(factory=Counter)
    entries: dict[types.CodeType, int] = attrs.field(factory=dict)
    """Where each function begins. A coroutine that goes on is no other call."""

    def __call__(self, frame: types.FrameType, event: str, arg: Any) -> None:
        code = frame.f_code
        if not code.co_filename.startswith(INTERNAL) or not for_the_run.get():
            return
        if frame.f_lasti == self.entries.setdefault(code, frame.f_lasti):
            self.calls[code] += 1


@attrs.define(eq=False)
class Injection:
    """Has one of these calls raise, once."""

    point: Point
    kind: Kind
    entry: int
    code: types.CodeType
    calls: int = 0
    done: bool = False

    def __call__(self, frame: types.FrameType, event: str, arg: Any) -> None:
        if frame.f_code is not self.code or frame.f_lasti != self.entry or not for_the_run.get():
            return
        self.calls += 1
        if self.calls == self.point.number:
            self.done = True
            sys.settrace(None)
            self._raise()

    def _raise(self) -> None:
        match self.kind:
            case "exception":
                raise InjectedError(str(self.point))
            case "exit":
                raise SystemExit(str(self.point))
            case "interrupt":  # where Trio lets it through
                signal.raise_signal(signal.SIGINT)


@contextmanager
def tracing(tracer: Any) -> Iterator[None]:
    """Let *tracer* hear of each call in the block."""
    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        yield
    finally:
        sys.settrace(before)
