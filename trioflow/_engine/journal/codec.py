"""Events as the entries of a journal, and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from trioflow.abc import Entry, RunHeader
from trioflow.errors import JournalFormatError, NotSerializableError, WireFormatError
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
    try:
        text = json.dumps(wire, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as exc:
        # Values were checked, so it is an id or a name that is not what its type says.
        problem = f"of type {event.type!r} cannot be written ({exc})"
        remedy = "give ids, names and reasons that are strings"
        raise NotSerializableError("event", problem, remedy) from exc
    return Entry(event.seq, event.at, text)


def decode(run_id: str, entries: Iterable[Entry]) -> Iterator[Event]:
    """Yield the events of a run's journal; values of users are plain JSON types.

    Raises:
      JournalFormatError: if one of them cannot be read, or is not at its place; after those
        before it.
    """
    return (_decode(run_id, entry) for entry in entries)


def _decode(run_id: str, entry: Entry) -> Event:
    try:
        event = from_wire(entry.text)
    except WireFormatError as exc:
        raise JournalFormatError(run_id, entry.seq, exc.problem) from exc
    if (event.run_id, event.seq) != (run_id, entry.seq):
        problem = f"it holds event {event.seq} of run {event.run_id}"
        raise JournalFormatError(run_id, entry.seq, problem)
    return event


def check_format(header: RunHeader) -> None:
    """Check that the journal of a run is in a format that this version can read.

    Raises:
      JournalFormatError: if it is not.
    """
    known = header.format
    if type(known) is not int or known < 1:
        raise JournalFormatError(header.run_id, None, f"{known!r} is no format of a journal")
    if known > FORMAT:
        problem = f"it has format {known}, and this trioflow reads up to {FORMAT}: upgrade it"
        raise JournalFormatError(header.run_id, None, problem)
