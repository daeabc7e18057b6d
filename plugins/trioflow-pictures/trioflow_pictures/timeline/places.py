"""The bars of a timeline, and where each stands: what is inside what is told by addresses."""

from __future__ import annotations

import re

import attrs

from trioflow import events as ev
from trioflow_pictures.timeline.bars import Bar, BarKind

_ITEM = re.compile(r"(.*)\[(\d+)\]$")
_ITERATION = re.compile(r"(.*)#(\d+)$")
_ATTEMPT = re.compile(r"~(\d+)$")


@attrs.define(eq=False)
class Timeline:
    """The bars of one run."""

    root: Bar = attrs.field(factory=lambda: Bar("run", "", ""))
    run_id: str = ""
    trace_id: str = ""
    started: float = 0.0
    """Seconds since the epoch, as all times here."""
    ended: float = 0.0
    """When the last event happened."""
    events: int = 0
    bars: dict[str, Bar] = attrs.field(factory=dict)
    """By address; tool calls by that of their step and their own id."""

    def bar(self, event: ev.StepEvent, kind: BarKind = "step") -> Bar:
        """Return the bar of the call or item that an event belongs to; make it if need be."""
        return self.at(event.address, event.id, kind)

    def _make(self, address: str, id: str, kind: BarKind) -> Bar:
        item, iteration = _ITEM.match(address), _ITERATION.match(address)
        attempt = None
        if item:
            parent = self.at(item[1], id, "foreach")
            bar = Bar("item", id, f"[{item[2]}]", address, index=int(item[2]))
        elif iteration:
            parent = self._loop(iteration[1], id)
            label = f"{parent.label} #{iteration[2]}"
            bar = Bar(kind, id, label, address, index=int(iteration[2]))
        else:
            outer = address.rpartition("/")[0]
            attempt = _ATTEMPT.search(outer)
            parent = self._outer(outer, id)
            bar = Bar(kind, id, id.removeprefix(f"{parent.id}.") if outer else id, address)
        if attempt:
            bar.facts["Attempt of the workflow"] = int(attempt[1])
            bar.label += f" (attempt {attempt[1]})"
        parent.children.append(bar)
        self.bars[address] = bar
        return bar

    def _outer(self, address: str, inner: str) -> Bar:
        """Return the bar of what a call is inside of."""
        if not address:
            return self.root
        return self.at(_ATTEMPT.sub("", address), inner.rpartition(".")[0], "workflow")

    def at(self, address: str, id: str, kind: BarKind) -> Bar:
        """Return the bar at an address; make it if need be."""
        return self.bars.get(address) or self._make(address, id, kind)

    def _loop(self, address: str, id: str) -> Bar:
        """Return the bar for all iterations of a loop, for which there are no events."""
        key = f"{address}#"
        if key not in self.bars:
            outer = address.rpartition("/")[0]
            parent = self._outer(outer, id)
            label = id.removeprefix(f"{parent.id}.") if outer else id
            self.bars[key] = Bar("loop", id, label, address)
            parent.children.append(self.bars[key])
        return self.bars[key]
