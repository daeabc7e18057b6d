"""Failures cancel their siblings at once, unless these may end first."""

from __future__ import annotations

from collections.abc import Iterator

from tests.properties.stage import Played
from trioflow import events
from trioflow.addresses import Address
from trioflow.nodes import Branch, ForEach, Parallel
from trioflow.testing._shape import Shape


def check_fail_fast(played: Played) -> None:
    """Check what ends after a sibling of it has failed or bailed."""
    stopped: dict[tuple[Address | None, int], float] = {}
    shape = Shape(played.workflow)
    for event, address in _ends_of_siblings(played.events):
        node = shape.node_at(address)
        assert isinstance(node, Parallel | Branch | ForEach)
        block = address.scope, address.position
        if node.on_error == "cancel" and event.at > stopped.get(block, event.at):
            assert event.status == "canceled", event
        if event.status in ("failed", "bailed"):
            stopped.setdefault(block, event.at)


def _ends_of_siblings(
    log: list[events.Event],
) -> Iterator[tuple[events.StepResult | events.StepProgress, Address]]:
    """Yield the ends of arms and items, and where they are."""
    for event in log:
        if isinstance(event, events.StepResult | events.StepProgress):
            address = Address.parse(event.address)
            if isinstance(event, events.StepProgress) or address.arm is not None:
                yield event, address
