"""The program that runs under callgrind: ``python -m benchmarks.counting ID:SHORT:LONG ...``.

Callgrind writes the counts since the last mark to a file of their own whenever the program
comes to `mark`. So one start of the interpreter serves any number of workloads, and neither
it nor the warming up is in any count.
"""

from __future__ import annotations

import gc
import os
import random
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from benchmarks.pairs import Main, Pair


class Seeded(random.Random):
    """A generator that gives the same numbers in every process."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(seed)


def mark() -> None:
    """Begin the next count. A system call that nothing else here makes, found by its name."""
    os.getpriority(os.PRIO_PROCESS, 0)


def count_pair(short: Pair, long: Pair, run: Callable[[Main], None]) -> None:
    """Run ours at both sizes, then the floor, each with a mark before and after."""
    for main in (short.ours, long.ours, short.floor, long.floor):
        run(main)  # the first time plans are made and the interpreter specializes code
        mark()
        run(main)
        mark()


def main() -> None:
    # Trio shuffles what it runs next with a generator that it makes when it is imported.
    random.Random = Seeded  # type: ignore[misc, assignment]
    import trio

    from benchmarks.clocks import StandingClock
    from benchmarks.pairs import COUNTED

    def run(main: Main) -> None:
        trio.run(main, clock=StandingClock())

    gc.disable()  # what a collection costs depends on everything else that is alive
    for argument in sys.argv[1:]:
        id, short, long = argument.split(":")
        make = COUNTED[id]
        count_pair(make(int(short)), make(int(long)), run)


if __name__ == "__main__":
    main()
