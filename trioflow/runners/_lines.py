"""The bodies that wait for places, in one line for each run."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import Any

import attrs
import trio


@attrs.define(eq=False)
class Wait:
    """A body that waits for a place."""

    run_id: str
    place: Any
    """The `Place` that it will get."""
    granted: trio.Event = attrs.field(factory=trio.Event)
    has_ended: bool = False
    """Whether it has got its place, or no longer waits."""


class Lines:
    """The order in which bodies get places: the run with the fewest places comes first.

    In a run, bodies that get a place back come before those that begin.
    """

    def __init__(self) -> None:
        self._length = 0
        self._lines: dict[str, tuple[deque[Wait], deque[Wait]]] = {}
        """By run: the bodies that get a place back, and those that begin."""
        self._held: dict[str, int] = {}
        """How many places each run has."""
        self._by_count: defaultdict[int, dict[str, None]] = defaultdict(dict)
        """The runs in line by the number of their places, in the order in which these changed."""

    def __bool__(self) -> bool:
        return self._length > 0

    def add(self, wait: Wait, *, returns: bool) -> None:
        """Let a body wait; *returns* if it gets a place back."""
        run_id = wait.run_id
        if run_id not in self._lines:
            self._lines[run_id] = deque(), deque()
            self._by_count[self._held.get(run_id, 0)][run_id] = None
        self._lines[run_id][0 if returns else 1].append(wait)
        self._length += 1

    def leave(self, wait: Wait) -> None:
        """Note that a body has got its place or no longer waits. It is taken out later."""
        wait.has_ended = True
        self._length -= 1

    def count(self, run_id: str, change: int) -> None:
        """Note that a run has one place more or less."""
        before = self._held.get(run_id, 0)
        after = self._held[run_id] = before + change
        if run_id in self._lines:
            self._forget(run_id, before)
            self._by_count[after][run_id] = None
        if not after:
            del self._held[run_id]

    def next(self) -> Wait:
        """Return the body whose turn it is, which stays in line. There must be one."""
        while True:
            run_id = next(iter(self._by_count[min(self._by_count)]))
            for line in self._lines[run_id]:
                while line and line[0].has_ended:
                    line.popleft()
                if line:
                    return line[0]
            del self._lines[run_id]
            self._forget(run_id, self._held.get(run_id, 0))

    def _forget(self, run_id: str, count: int) -> None:
        runs = self._by_count[count]
        del runs[run_id]
        if not runs:
            del self._by_count[count]
