"""Events as the entries of a journal, and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from trioflow.abc import Entry
from trioflow.events import Event
from trioflow.wire import from_wire, to_wire

if TYPE_CHECKING:
    from cattrs import Converter

FORMAT = 1
"""Version of what stands in a journal. Journals of every earlier version can be read."""


def encode(event: Event, converter: Callable[[], Converter]) -> Entry:
    """Return an event as an entry.

    Raises:
      NotSerializableError: if it holds a value that has no JSON form.
    """
    wire = to_wire(event, converter=converter())
    text = json.dumps(wire, separators=(",", ":"))
    return Entry(event.seq, event.at, text)


def decode(entries: Iterable[Entry]) -> list[Event]:
    """Return the events of a journal; values of users are plain JSON types."""
    return [from_wire(entry.text) for entry in entries]
