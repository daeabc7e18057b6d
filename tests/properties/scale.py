"""How many examples the properties about runs get."""

from __future__ import annotations

from hypothesis import settings

USUAL, THOROUGH = 40, 1000
"""The numbers of examples that those of the properties are given for; the profile ``campaign`` has
the second, ``default`` a quarter of the first, and ``ci`` ten times the first."""


def examples(usual: int, thorough: int) -> int:
    """Return how many examples a property gets: so many at these numbers, in proportion else."""
    number = settings.default.max_examples if settings.default else USUAL
    if number < THOROUGH:
        return max(usual * number // USUAL, 1)
    return thorough * number // THOROUGH
