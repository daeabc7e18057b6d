"""Measures how long tasks block the event loop while a body is active, and finds out where."""

from __future__ import annotations

import inspect
import linecache
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

import attrs
import trio

from trioflow._signature import unwrap


@attrs.define(eq=False)
class Pace(trio.abc.Instrument):
    """Measures the turns of tasks, in real seconds."""

    fn: Callable[..., Any]
    """The function of the body; its line is shown if it is on the stack in a long turn."""
    limit: float
    """How long a turn may take."""
    longest: float = 0.0
    place: str = ""
    """The line at which the last long turn was observed; empty if none was."""
    _is_on: bool = False
    _began: float | None = None
    """When the current turn, or the body within it, began; None between turns."""

    def body_begins(self) -> None:
        """Start measuring in the middle of a turn; the time before belongs to the engine."""
        self._is_on, self._began = True, time.perf_counter()

    def body_ends(self) -> None:
        """Stop measuring."""
        self._take_time()
        self._is_on = False

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._began = time.perf_counter() if self._is_on else None

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        self._take_time()

    def _take_time(self) -> None:
        began, self._began = self._began, None
        if began is not None:
            self.longest = max(self.longest, time.perf_counter() - began)

    @contextmanager
    def sampling(self) -> Generator[None, None, None]:
        """Observe from another thread where this thread is during long turns."""
        over = threading.Event()
        loop = threading.get_ident()

        def look() -> None:
            while not over.wait(self.limit / 2):
                began = self._began
                if began is not None and time.perf_counter() - began > self.limit / 2:
                    self.place = _place(sys._current_frames().get(loop), _code_of(self.fn))

        thread = threading.Thread(target=look, name="BlockSampler", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _place(frame: FrameType | None, code: CodeType | None) -> str:
    """Return the line of *code* in the stack of *frame*, or else the innermost line."""
    frames = []
    while frame is not None:
        frames.append(frame)
        frame = frame.f_back
    ours = [one for one in frames if one.f_code is code] or frames[:1]
    return ", ".join(map(line_of, ours[:1]))


def line_of(frame: FrameType) -> str:
    """Return the location of a frame, and its line of source code."""
    path, number = frame.f_code.co_filename, frame.f_lineno
    return f"line {number} of {path}: {linecache.getline(path, number).strip()}"


def _code_of(fn: Callable[..., Any]) -> CodeType | None:
    return getattr(inspect.unwrap(unwrap(fn)), "__code__", None)
