"""What a shortcut is, for those who measure and those who compare."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable

import attrs

from benchmarks.measure import take_turns

Work = Callable[[], object]
"""Does the same thing as often as its shortcut's `number` says."""
Make = Callable[[int], tuple[Work, Work]]
"""Takes the number; returns the work done with the shortcut and without."""


@attrs.frozen
class Shortcut:
    """One piece of code that is there for speed alone."""

    id: str
    where: str
    """Where the code is, below the package `trioflow`."""
    fast: str
    """What it does."""
    plain: str
    """What it does that in place of."""
    per: str
    """What the figures are for: one of these."""
    make: Make
    number: int = 10_000
    """Of how many the time is taken at once."""

    def measure(self, samples: int) -> Saving:
        """Measure both, in turns."""
        fast, plain = self.make(self.number)
        took, would_take = take_turns([_timed(fast), _timed(plain)], samples)
        return Saving(
            self,
            statistics.median(took) / self.number,
            statistics.median(would_take) / self.number,
            # Turn by turn, since a busy machine changes more in a minute than within a turn.
            statistics.median(p - f for f, p in zip(took, would_take, strict=True)) / self.number,
            samples,
        )


@attrs.frozen
class Saving:
    """What one shortcut saves, in seconds."""

    shortcut: Shortcut
    fast: float
    plain: float
    saved: float
    samples: int
    """How often each was measured."""


def _timed(work: Work) -> Callable[[], float]:
    def timed() -> float:
        gc.disable()  # or a collection would fall to whoever happens to reach its threshold
        try:
            started = time.process_time()  # what other programs take does not count
            work()
            return time.process_time() - started
        finally:
            gc.enable()

    return timed
