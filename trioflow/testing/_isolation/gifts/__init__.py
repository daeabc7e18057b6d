"""What callers give to a run, and are refused if its journal cannot hold it."""

from __future__ import annotations

from collections.abc import Mapping

from trioflow.testing._isolation.gifts.answering import ANSWERING
from trioflow.testing._isolation.gifts.gift import Gift, Giver
from trioflow.testing._isolation.gifts.starting import STARTING

__all__ = ["GIFTS", "Gift", "Giver"]

GIFTS: Mapping[str, Gift] = {**STARTING, **ANSWERING}
"""What the value is, and the call."""
