"""Values that callers pass to a run, and that it refuses if its journal cannot hold them."""

from __future__ import annotations

from collections.abc import Mapping

from trioflow.testing._isolation.gifts.answering import ANSWERING
from trioflow.testing._isolation.gifts.gift import Gift, Giver
from trioflow.testing._isolation.gifts.starting import STARTING

__all__ = ["GIFTS", "Gift", "Giver"]

GIFTS: Mapping[str, Gift] = {**STARTING, **ANSWERING}
"""The role of the value, and the call."""
