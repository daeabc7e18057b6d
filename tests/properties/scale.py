"""How many examples the properties about runs get."""

from __future__ import annotations

from hypothesis import settings


def examples(factor: float) -> int:
    """Return a multiple of the examples that the profile in use gives to each property."""
    return max(round(settings.default.max_examples * factor), 1) if settings.default else 1
