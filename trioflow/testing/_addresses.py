"""Addresses of step calls, taken apart again.

Written from the table in `trioflow.events` and not from the engine's code, so that the one
can be checked with the other.
"""

from __future__ import annotations

import functools
import re
from typing import Literal

import attrs

Suffix = Literal["none", "arm", "iteration"]

_SEGMENT = re.compile(
    r"(?P<position>\d+)"
    r"(?::(?P<arm>[^/#\[\]~:]+)|#(?P<iteration>[1-9]\d*))?"
    r"(?:\[(?P<item>\d+)\])?"
    r"(?:~(?P<attempt>[2-9]|[1-9]\d+))?"
)


@attrs.frozen
class Place:
    """The last segment of an address, and what precedes it."""

    frame: str
    """What precedes the last slash; empty for the run's own workflow."""
    position: int
    """Which node of its workflow, counted from 0."""
    arm: str | None
    iteration: int | None
    item: int | None
    """Which item of a foreach, for what happens inside it. No part of a call's address."""
    attempt: int
    """Which attempt at a nested workflow, for what happens inside it; counted from 1."""

    @property
    def call(self) -> str:
        """The address of the call, without item and attempt."""
        head = f"{self.frame}/{self.position}" if self.frame else f"{self.position}"
        if self.arm is not None:
            return f"{head}:{self.arm}"
        return head if self.iteration is None else f"{head}#{self.iteration}"

    @property
    def around(self) -> Place | None:
        """The place that this one is inside of; None in the run's own workflow."""
        return parse(self.frame) if self.frame else None

    @property
    def suffix(self) -> Suffix:
        """What tells the calls of one node apart."""
        if self.arm is not None:
            return "arm"
        return "none" if self.iteration is None else "iteration"


@functools.lru_cache(maxsize=4096)
def parse(address: str) -> Place | None:
    """Return what *address* says, or None if it is not an address."""
    frame, slash, segment = address.rpartition("/")
    match = _SEGMENT.fullmatch(segment)
    if match is None or (slash and parse(frame) is None):
        return None
    number = {key: int(text) for key in _NUMBERS if (text := match[key]) is not None}
    return Place(
        frame=frame,
        position=number["position"],
        arm=match["arm"],
        iteration=number.get("iteration"),
        item=number.get("item"),
        attempt=number.get("attempt", 1),
    )


_NUMBERS = ("position", "iteration", "item", "attempt")
