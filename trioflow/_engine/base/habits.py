"""Which functions are brief, so that nobody has to be given a turn before each call of them."""

from __future__ import annotations

TRIES = 2
"""How many calls of a function a run makes with care before it takes the function to be brief.
With a single one a function whose first call had nothing to do would pass for brief."""
TRIES_AGAIN = 64
"""How many it makes after one that has taken long. Few enough to cost no more than the long one
did: it may have been the garbage collector's time, or another program's, and with no way back
every later step of a long chain would be made with care."""
TRUSTED = 64
"""How many calls runs have to make with care, none of them long, before later runs make none
(shortcut `trusted-functions`)."""


class Reputation:
    """What all runs of one workflow know of its functions.

    What a function does may depend on its input, so one that was ever long is not trusted again.
    """

    def __init__(self) -> None:
        self.trusted: set[object] = {None}
        """The functions that were called often and were never long. None is no function."""
        self._calls: dict[object, int] = {}
        self._long: set[object] = set()

    def count(self, function: object) -> None:
        """Take note of one more call that was made with care."""
        if function not in self._long:
            calls = self._calls[function] = self._calls.get(function, 0) + 1
            if calls == TRUSTED:
                self.trusted.add(function)

    def was_long(self, function: object) -> None:
        """Take note that a call took so long that others may have waited for it."""
        self._long.add(function)
        self.trusted.discard(function)


class Habits:
    """What one run knows of its functions."""

    def __init__(self, reputation: Reputation) -> None:
        self.brief = set(reputation.trusted)
        self._reputation = reputation
        self._tries: dict[object, int] = {}
        """How many more calls of a function are made with care."""

    def needs_care(self, function: object) -> bool:
        """Tell whether a function that is not known to be brief may take long this time."""
        if function in self._reputation.trusted:
            self.brief.add(function)
            return False
        tries = self._tries.get(function, TRIES) - 1
        self._tries[function] = tries
        if tries == 0:
            self.brief.add(function)
        self._reputation.count(function)
        return True

    def was_long(self, function: object) -> None:
        """Take note that a call took so long that others may have waited for it."""
        self.brief.discard(function)
        self._tries[function] = TRIES_AGAIN
        self._reputation.was_long(function)
