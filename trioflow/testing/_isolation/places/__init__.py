"""The places at which a value that a journal cannot hold may enter a run."""

from __future__ import annotations

from collections.abc import Mapping

from trioflow.testing._isolation.places.inputs import INPUTS
from trioflow.testing._isolation.places.outputs import OUTPUTS
from trioflow.testing._isolation.places.pieces import PIECES
from trioflow.testing._isolation.places.place import Place

__all__ = ["PLACES", "Place"]

PLACES: Mapping[str, Place] = {**OUTPUTS, **INPUTS, **PIECES}
"""The role of the value, and the workflow."""
