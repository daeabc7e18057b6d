"""The last recorded value, so that a value that is passed on is written once."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import attrs

from trioflow import events as ev
from trioflow._engine.history.event_values import ValueOf
from trioflow.abc import Entry

SHORT = 96
SHORT_START = 256
"""Outputs and inputs of fewer characters are not referred to: that would save nothing."""
UNCHANGING = (str, bytes)
"""Types of outputs that are equal if they are the same object. A step may have changed the contents
of other objects."""
NOTHING: Any = object()
Reference: TypeAlias = ValueOf | Mapping[str, ValueOf]
"""Where the value of an attribute is written; of some attributes, the value of each key."""
MAX_TOOLS = 64
"""How many outputs of tools are remembered: those of calls at the same time."""
_NONE: Mapping[str, Reference] = MappingProxyType({})


@attrs.define(eq=False)
class LastValue:
    """The input of the run, or the output of the call that ended last."""

    value: Any = NOTHING
    source: ValueOf = attrs.field(factory=lambda: ValueOf(-1))
    """The `seq` of the entry it is written in."""
    tools: dict[str, tuple[str, ValueOf]] = attrs.field(factory=dict)
    """The outputs of tools that their steps may keep as private state, by address."""

    def references(self, event: ev.Event) -> Mapping[str, Reference]:
        """Return the values of an event that need not be written again, by attribute name."""
        if self.tools:
            if isinstance(event, ev.PrivateUpdate):
                return self._of_tool(event)
            self._forget(event)
        if self.value is NOTHING:  # most are short
            return _NONE
        match event:
            case ev.StepStart(input=value) | ev.StepWaiting(input=value) if value is self.value:
                return {"input": self.source}
            case ev.Finish(result=value) if value is self.value:
                return {"result": self.source}
            case ev.StepResult(output=value) if value is self.value and type(value) in UNCHANGING:
                return {"output": self.source}
        return _NONE

    def _of_tool(self, event: ev.PrivateUpdate) -> Mapping[str, Reference]:
        value, source = self.tools.pop(event.address, (None, self.source))
        if value is None or any(each is not value for each in event.updates.values()):
            return _NONE
        return {"updates": dict.fromkeys(event.updates, source)}

    def note(self, event: ev.Event, entry: Entry) -> None:
        """Record that an event is written."""
        match event:
            case ev.Start(input=value):
                is_long = entry.length >= SHORT_START
            case ev.StepResult(status="success", output=value):
                if "output" in self.references(event):
                    return  # it is in the same entry as before
                is_long = entry.length >= SHORT
            case ev.ToolResult(output=str(value)) if entry.length >= SHORT_START:
                self._note_tool(event.address, value, event.seq)
                return
            case _:
                return
        self.value = value if is_long else NOTHING
        self.source = ValueOf(event.seq)

    def _forget(self, event: ev.Event) -> None:
        """Forget what the tools of a call have returned when it ends: that may be large."""
        match event:
            case ev.StepResult(address=address) | ev.StepSuspended(address=address):
                self.tools.pop(address, None)
            case ev.StepProgress(address=address, index=index):
                self.tools.pop(f"{address}[{index}]", None)

    def _note_tool(self, address: str, value: str, seq: int) -> None:
        if len(self.tools) >= MAX_TOOLS:
            del self.tools[next(iter(self.tools))]
        self.tools[address] = value, ValueOf(seq)
