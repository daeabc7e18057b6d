"""The bars of a timeline by address; the addresses determine their nesting."""

from __future__ import annotations

import attrs

from trioflow import events as ev
from trioflow.addresses import Address
from trioflow_pictures.timeline.bars import Bar, BarKind


@attrs.define(eq=False)
class Timeline:
    """The bars of one run."""

    root: Bar = attrs.field(factory=lambda: Bar("run", "", ""))
    run_id: str = ""
    trace_id: str = ""
    started: float = 0.0
    """In seconds since the epoch, like all times here."""
    ended: float = 0.0
    """The time of the last event."""
    events: int = 0
    bars: dict[str, Bar] = attrs.field(factory=dict)
    """Bars by address; tool calls by the address of their step and their id."""

    def bar(self, event: ev.StepEvent, kind: BarKind = "step") -> Bar:
        """Return the bar of the call or item of an event; create it if necessary."""
        return self.at(event.address, event.id, kind)

    def _make(self, text: str, id: str, kind: BarKind) -> Bar:
        address = Address.parse(text)
        if address.item is not None:
            parent = self.at(str(address.call), id, "foreach")
            bar = Bar("item", id, f"[{address.item}]", text, index=address.item)
        elif address.iteration is not None:
            parent = self._loop(attrs.evolve(address, iteration=None), id)
            label = f"{parent.label} #{address.iteration}"
            bar = Bar(kind, id, label, text, index=address.iteration)
        else:
            parent = self._outer(address, id)
            bar = Bar(kind, id, _own_id(address, id, parent), text)
            if address.scope is not None and address.scope.attempt > 1:
                bar.facts["Attempt of the workflow"] = address.scope.attempt
                bar.label += f" (attempt {address.scope.attempt})"
        parent.children.append(bar)
        self.bars[text] = bar
        return bar

    def _outer(self, address: Address, inner: str) -> Bar:
        """Return the bar that contains a call; *inner* is the id of the call."""
        if address.parent is None:
            return self.root
        # An item has no event, and the id of its foreach, which may contain dots.
        known = self.bars.get(str(address.parent.call))
        id = inner.rpartition(".")[0] if known is None else known.id
        return self.at(str(address.parent), id, "workflow")

    def at(self, address: str, id: str, kind: BarKind) -> Bar:
        """Return the bar at an address; create it if necessary."""
        return self.bars.get(address) or self._make(address, id, kind)

    def _loop(self, address: Address, id: str) -> Bar:
        """Return the bar for all iterations of a loop, which has no events."""
        key = f"{address}#"
        if key not in self.bars:
            parent = self._outer(address, id)
            self.bars[key] = Bar("loop", id, _own_id(address, id, parent), str(address))
            parent.children.append(self.bars[key])
        return self.bars[key]


def _own_id(address: Address, id: str, parent: Bar) -> str:
    """Return the id of a call within its workflow."""
    return id if address.scope is None else id.removeprefix(f"{parent.id}.")
