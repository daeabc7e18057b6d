"""The ways in which the recorded engines hand out their events."""

from __future__ import annotations

import attrs

from trioflow.wire import NATIVE_TYPES, Dialect

from .messages import Words


@attrs.frozen
class Flavour:
    """One of the ways in which one of the recorded engines hands out its events."""

    dialect: Dialect
    types: frozenset[str]
    """Our types of events that it has."""
    usage: frozenset[str] = frozenset()
    """Which counts of tokens it has."""
    shows_items: bool = False
    """Whether the steps inside the items of a foreach are seen."""
    repeats_input: bool = True
    """Whether the end of a call repeats its input."""


_USAGE_0 = frozenset({"inputTokens", "outputTokens", "totalTokens"})
_USAGE_1 = _USAGE_0 | {"cachedInputTokens", "cacheCreationInputTokens", "reasoningTokens"}


def flavour_of(words: Words, api: str) -> Flavour:
    """Return how an engine hands out events in the stream of an API."""
    old, new = NATIVE_TYPES["mastra-0.18"], NATIVE_TYPES["mastra-1"]
    if not words.is_old:
        if "Legacy" in api:
            return Flavour("mastra-0.18", old | {"step-progress"})
        return Flavour("mastra-1", new | {"paused"}, _USAGE_1)
    if "VNext" in api:
        return Flavour("mastra-1", new - {"step-progress"}, _USAGE_0, True, False)
    return Flavour("mastra-0.18", old, shows_items=True, repeats_input=False)
