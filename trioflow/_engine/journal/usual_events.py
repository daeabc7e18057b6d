"""The three events of a step that succeeds at its first attempt, read from their entries.

Shortcut `usual-event`; the plain twin is what `trioflow._engine.journal.codec` does with every
entry: it reads each attribute by its description. Here, entries that `usual_entries` writes are
recognized by their shape, and their attributes are set in one go. Other entries, including damaged
ones, are left to the plain twin, which also reports what is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from math import isfinite
from types import MappingProxyType, NoneType
from typing import Any

from trioflow import events as ev
from trioflow.abc import Entry
from trioflow.addresses import Address
from trioflow.errors import InvalidAddressError

SIMPLE = frozenset({int, str, bool, NoneType})
"""Types whose values neither have nor contain a tag."""
_scan: Any = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


class _StepStart(ev.StepEvent):
    __slots__ = ev.StepStart.__slots__
    __init__: Any = object.__init__


class _StepResult(ev.StepEvent):
    __slots__ = ev.StepResult.__slots__
    __init__: Any = object.__init__


class _StepFinish(ev.StepEvent):
    __slots__ = ev.StepFinish.__slots__
    __init__: Any = object.__init__


class UsualEvents:
    """Reads the usual events of one run.

    The events of a call follow each other, so the id and address of the last one are kept: they
    need no second check, and one string serves all three.
    """

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._id = self._address = ""

    def read(self, entry: Entry) -> ev.Event | None:
        """Return the event of an entry; None if it is another or a special event."""
        text = entry.text
        try:
            parts, end = _scan(text, 0)
        except (TypeError, ValueError, StopIteration, RecursionError):
            return None
        if end != len(text) or type(parts) is not list or type(entry.at) is not float:
            return None
        if len(parts) == 5:
            type_, seq, id, address, fields = parts
        elif len(parts) == 4:
            (type_, seq, id, address), fields = parts, {}
        else:
            return None
        if type(type_) is not str or type_ not in _READERS or type(fields) is not dict:
            return None
        if type(seq) is not int or seq != entry.seq or not self._is_place(id, address):
            return None
        event = _READERS[type_](fields)
        if event is None:
            return None
        event.run_id = self._run_id
        event.seq = seq
        event.at = entry.at
        event.id = self._id
        event.address = self._address
        event.round = 0
        event.__class__ = ev.EVENT_TYPES[type_]
        found: ev.Event = event
        return found

    def _is_place(self, id: Any, address: Any) -> bool:
        if type(id) is not str or type(address) is not str:
            return False
        if id == self._id and address == self._address:
            return True
        try:
            Address.parse(address)
        except InvalidAddressError:
            return False
        self._id, self._address = id, address
        return True


def _start(fields: Mapping[str, Any]) -> Any:
    input = _only("input", fields)
    if type(input) not in SIMPLE:
        return None
    event: Any = _StepStart()
    event.input = input
    event.kind = "step"
    event.iteration = event.resume_data = event.plugin = event.arms = None
    event.resumed = False
    return event


def _result(fields: Mapping[str, Any]) -> Any:
    output = _only("output", fields)
    if type(output) not in SIMPLE:
        return None
    event: Any = _StepResult()
    event.status = "success"
    event.output = output
    event.error = event.state_updates = None
    return event


def _finish(fields: Mapping[str, Any]) -> Any:
    seconds = _only("seconds", fields)
    if type(seconds) is not float or not isfinite(seconds):
        return None
    event: Any = _StepFinish()
    event.attempts = 1
    event.seconds = seconds
    return event


def _only(name: str, fields: Mapping[str, Any]) -> Any:
    """Return the value of the only field; None if there is no field; another object otherwise."""
    if not fields:
        return None
    return fields[name] if len(fields) == 1 and name in fields else fields


_READERS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = MappingProxyType(
    {"step-start": _start, "step-result": _result, "step-finish": _finish}
)
