"""Failures cancel their siblings at once, unless these may end first."""

from __future__ import annotations

from collections.abc import Iterator

from tests.properties.stage import Played
from trioflow import events
from trioflow.nodes import Branch, ForEach, Parallel
from trioflow.testing._addresses import Place, parse
from trioflow.testing._shape import Shape


def check_fail_fast(played: Played) -> None:
    """Check what ends after a sibling of it has failed or bailed."""
    stopped: dict[tuple[str, int], float] = {}
    shape = Shape(played.workflow)
    for event, place in _ends_of_siblings(played.events):
        node = shape.node_at(place)
        assert isinstance(node, Parallel | Branch | ForEach)
        block = place.frame, place.position
        if node.on_error == "cancel" and event.at > stopped.get(block, event.at):
            assert event.status == "canceled", event
        if event.status in ("failed", "bailed"):
            stopped.setdefault(block, event.at)


def _ends_of_siblings(
    log: list[events.Event],
) -> Iterator[tuple[events.StepResult | events.StepProgress, Place]]:
    """Yield the ends of arms and items, and where they are."""
    for event in log:
        if isinstance(event, events.StepResult | events.StepProgress):
            place = parse(event.address)
            assert place is not None
            if isinstance(event, events.StepProgress) or place.arm is not None:
                yield event, place
