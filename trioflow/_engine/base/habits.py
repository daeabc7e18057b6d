"""Which functions are fast, so that other tasks need no turn before each call of them."""

from __future__ import annotations

TRIES = 2
"""How many calls of a function a run makes with care before it considers the function fast. One
call would not be enough: its first call may have nothing to do."""
TRIES_AGAIN = 64
"""How many careful calls it makes after a slow one. Few enough to cost no more than the slow one
did: the cause may have been the garbage collector or another program, and without a way back every
later step of a long chain would be made with care."""
TRUSTED = 64
"""How many calls runs must make with care, none of them slow, before later runs make none (shortcut
`trusted-functions`)."""


class Reputation:
    """What all runs of one workflow know about its functions.

    The duration of a function may depend on its input, so one that was ever slow is not trusted
    again.
    """

    def __init__(self) -> None:
        self.trusted: set[object] = {None}
        """The functions that were called often and were never slow. None: no function."""
        self._calls: dict[object, int] = {}
        self._long: set[object] = set()

    def count(self, function: object) -> None:
        """Record one more call that was made with care."""
        if function not in self._long:
            calls = self._calls[function] = self._calls.get(function, 0) + 1
            if calls == TRUSTED:
                self.trusted.add(function)

    def was_long(self, function: object) -> None:
        """Record that a call took so long that others may have had to wait."""
        self._long.add(function)
        self.trusted.discard(function)


class Habits:
    """What one run knows about its functions."""

    def __init__(self, reputation: Reputation) -> None:
        self.brief = set(reputation.trusted)
        self._reputation = reputation
        self._tries: dict[object, int] = {}
        """How many more calls of a function are made with care."""

    def needs_care(self, function: object) -> bool:
        """Return whether a function that is not known to be fast may be slow this time."""
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
        """Record that a call took so long that others may have had to wait."""
        self.brief.discard(function)
        self._tries[function] = TRIES_AGAIN
        self._reputation.was_long(function)
