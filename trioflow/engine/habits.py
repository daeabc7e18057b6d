"""Which functions are quick, as far as the runs of one workflow have seen."""

from __future__ import annotations

TRIES = 2
"""How many calls of a function have to be brief before it is taken to be so. With a single one
a function whose first call had nothing to do would pass for brief."""
TRIES_AGAIN = 64
"""How many calls of a function that has taken long have to be brief. Few enough to cost no more
than the long one did: it may have been the garbage collector's time, or another program's, and
with no way back half the steps of a chain of 10,000 took 27 µs instead of 10."""


class Habits:
    """What is known of the functions of one workflow.

    Kept for as long as the workflow is, since what a function does changes little from one run
    to the next, and short runs have no time to find out.
    """

    def __init__(self) -> None:
        self.brief: set[object] = {None}
        """The functions that have run a few times without taking long. None stands for no
        function at all."""
        self._tries: dict[object, int] = {}
        """How many more times those that may take long have to be brief, if they have run."""

    def try_once(self, function: object) -> None:
        """Take note that a function that may take long is called once more."""
        tries = self._tries.get(function, TRIES) - 1
        self._tries[function] = tries
        if tries == 0:
            self.brief.add(function)

    def was_long(self, function: object) -> None:
        """Take note that a call took so long that others may have waited for it."""
        if function is not None:
            self.brief.discard(function)
            self._tries[function] = TRIES_AGAIN
