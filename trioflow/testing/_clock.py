"""A clock on which waiting takes no time, and that waits for threads all the same."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from itertools import pairwise
from types import CodeType
from typing import Any

import trio
import trio.testing

LONG = 1e6
"""Real seconds to wait if only the world outside can go on; about eleven days."""


class VirtualClock(trio.abc.Clock):
    """A clock for tests: nothing takes time on it but sleeping, and sleeping takes no time.

    It stands still while anything can go on. When every task waits, it jumps to the next
    deadline: ``trio.run(main, clock=VirtualClock())``. So times are exact, can be compared
    with ``==``, and a week of back-off is over at once. It begins at 0.

    ``trio.testing.MockClock(autojump_threshold=0)`` does this, too, but also while a thread
    works or a socket is read: then a time-out that should never be reached is reached at
    once. This one waits as long as any task waits for a thread (`trio.to_thread.run_sync`,
    and with it every blocking step), a socket, a pipe or a process. It does not know of
    threads that you have started by yourself.

    It is a fixture of the pytest plugin, too: ``virtual_clock``.
    """

    def __init__(self) -> None:
        self._now = 0.0

    def __repr__(self) -> str:
        return f"<VirtualClock at {self._now} s>"

    def start_clock(self) -> None:
        """Do nothing: the clock is where its last run has left it."""

    def current_time(self) -> float:
        """Return the virtual time in seconds."""
        return self._now

    def deadline_to_sleep_time(self, deadline: float) -> float:
        """Jump to *deadline* and return 0; or return how long to wait for what is outside.

        Trio calls this when no task can go on.
        """
        if deadline <= self._now:
            return 0.0
        if math.isinf(deadline) or is_anybody_outside():
            return LONG
        self._now = deadline
        return 0.0


def is_anybody_outside() -> bool:
    """Tell whether a task waits for what no virtual time brings about.

    Those who wait for all others to be blocked are such, since they come before any jump.
    """
    return any(_is_outside(_stack_of(task)) for task in _tasks())


def _is_outside(stack: list[CodeType]) -> bool:
    if stack and stack[0].co_qualname == "EntryQueue.task":
        return False  # it is Trio's own, and always waits for what other threads may ask for
    # A task may also run what its thread has asked for, and so be in the midst of a sleep.
    waits_for_thread = (_IN_THREAD, _BLOCKED) in pairwise(stack)
    return waits_for_thread or not _OUTSIDE.isdisjoint(stack)


def _code_of(function: Any) -> CodeType:
    code: CodeType = inspect.unwrap(function).__code__
    return code


_IN_THREAD = _code_of(trio.to_thread.run_sync)
_BLOCKED = _code_of(trio.lowlevel.wait_task_rescheduled)
_OUTSIDE = frozenset(
    _code_of(getattr(trio.lowlevel, name))
    for name in (
        "wait_readable",
        "wait_writable",
        "wait_overlapped",  # the rest is Windows'
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


def _stack_of(task: trio.lowlevel.Task) -> list[CodeType]:
    return [frame.f_code for frame, _ in task.iter_await_frames()]
