"""The last recorded value, so that a value that is passed on is written once."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

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
_NONE: Mapping[str, ValueOf] = MappingProxyType({})


@attrs.define(eq=False)
class LastValue:
    """The input of the run, or the output of the call that ended last."""

    value: Any = NOTHING
    source: ValueOf = attrs.field(factory=lambda: ValueOf(-1))
    """The `seq` of the entry it is written in."""

    def references(self, event: ev.Event) -> Mapping[str, ValueOf]:
        """Return the values of an event that need not be written again, by attribute name."""
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

    def note(self, event: ev.Event, entry: Entry) -> None:
        """Record that an event is written."""
        match event:
            case ev.Start(input=value):
                is_long = entry.length >= SHORT_START
            case ev.StepResult(status="success", output=value):
                if "output" in self.references(event):
                    return  # it is in the same entry as before
                is_long = entry.length >= SHORT
            case _:
                return
        self.value = value if is_long else NOTHING
        self.source = ValueOf(event.seq)
