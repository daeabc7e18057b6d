"""A virtual clock that skips sleeps but waits for threads."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from itertools import pairwise
from types import CoroutineType, GeneratorType
from typing import Any

import trio
import trio.testing

LONG = 1e6
"""Real seconds to wait if only external work can continue; about eleven days."""


class VirtualClock(trio.abc.Clock):
    """A clock for tests on which only sleeping takes time, and without real waiting.

    It stands still while any task can run. When every task waits, it jumps to the next deadline:
    ``trio.run(main, clock=VirtualClock())``. Times are therefore exact and can be compared with
    ``==``, and a week of back-off passes at once. It starts at 0.

    ``trio.testing.MockClock(autojump_threshold=0)`` is similar, but also jumps while a thread
    works or a socket is read, and so triggers timeouts that should never be reached. This clock
    waits as long as any task waits for a thread (`trio.to_thread.run_sync`, and therefore every
    blocking step), a socket, a pipe or a process. It does not wait for threads that you start
    yourself.

    The pytest plugin provides it as the fixture ``virtual_clock``.
    """

    def __init__(self) -> None:
        self._now = 0.0

    def __repr__(self) -> str:
        return f"<VirtualClock at {self._now} s>"

    def start_clock(self) -> None:
        """Do nothing: the clock continues from where its last run left it."""

    def current_time(self) -> float:
        """Return the virtual time in seconds."""
        return self._now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Jump to *deadline* and return 0; or return how long to wait for external work.

        Trio calls this when no task can run.
        """
        if deadline <= self._now:
            return 0.0
        if math.isinf(deadline) or is_anybody_outside():
            return LONG
        self._now = deadline
        return 0.0


def is_anybody_outside() -> bool:
    """Return whether a task waits for something that virtual time cannot bring about.

    That includes tasks in ``wait_all_tasks_blocked``, which must wake before any jump.
    """
    return any(_is_outside(task) for task in _tasks())


def _is_outside(task: trio.lowlevel.Task) -> bool:
    if task.coro.__qualname__ == "EntryQueue.task":
        return False  # Trio's own task, which always waits for calls from other threads
    stack = _stack_of(task)
    # A task that waits for its thread may also run a call from that thread, which may sleep.
    waits_for_thread = (_IN_THREAD, _BLOCKED) in pairwise(stack)
    return waits_for_thread or not _OUTSIDE.isdisjoint(stack)


def _code_of(function: Any) -> int:
    # Of code that lives as long as Trio. To hash it would take longer than all the rest.
    return id(inspect.unwrap(function).__code__)


_IN_THREAD = _code_of(trio.to_thread.run_sync)
_BLOCKED = _code_of(trio.lowlevel.wait_task_rescheduled)
_OUTSIDE = frozenset(
    _code_of(getattr(trio.lowlevel, name))
    for name in (
        "wait_readable",
        "wait_writable",
        "wait_overlapped",  # the rest is for Windows
        "WaitForSingleObject",
        "readinto_overlapped",
        "write_overlapped",
    )
    if hasattr(trio.lowlevel, name)
) | {_code_of(trio.testing.wait_all_tasks_blocked)}


def _tasks() -> Iterator[trio.lowlevel.Task]:
    root = trio.lowlevel.current_root_task()
    waiting = [root] if root is not None else []
    while waiting:
        task = waiting.pop()
        yield task
        waiting += [child for nursery in task.child_nurseries for child in nursery.child_tasks]


def _stack_of(task: trio.lowlevel.Task) -> list[int]:
    """Return which code a task waits in, from its start to where it waits."""
    stack: list[int] = []
    awaited: Any = task.coro
    while isinstance(awaited, CoroutineType):
        stack.append(id(awaited.cr_code))
        awaited = awaited.cr_await
    if awaited is None or isinstance(awaited, GeneratorType):  # Trio's own, which yields
        return stack
    return [id(frame.f_code) for frame, _ in task.iter_await_frames()]
