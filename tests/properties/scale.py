"""How many examples the costlier properties get."""

from __future__ import annotations

from hypothesis import settings


def examples(one_in: int) -> int:
    """Return a fraction of the examples that the profile in use gives to each property."""
    return max(settings.default.max_examples // one_in, 1) if settings.default else 1
