"""Encode events as the entries of a journal, and decode them.

In format 2, each entry is a list in JSON:

=============== =================================================================================
type            of the event, as in `trioflow.events`
seq             so that misplaced entries are detected
id, address     of the step; only in events that belong to one
fields          an object with the other attributes by name; attributes that have their default
                are left out, and so is the object if it is empty
sealed          an object with the attributes that a codec has encoded, as base64
=============== =================================================================================

The store keeps the run's id and the time in addition to the JSON. `trioflow._forms` writes the
values of users, with tags where a type alone does not identify them. Errors are written as in
`trioflow.wire`, with their notes, their cause and how to rebuild them.

A long value that an earlier entry of the run is known to hold is not written again: ``input_of`` or
``output_of`` is the ``seq`` of that entry, and ``updates_of`` has one for each key.

Format 1 has the objects of `trioflow.wire`, without tags. A journal may begin in an earlier format
and continue in this one, so each entry is decoded on its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from trioflow import events as ev
from trioflow._engine.history.event_values import KEYED, REFERRING, ValueOf, is_keyed
from trioflow._engine.journal.layout import (
    FIELDS,
    LEFT_OUT,
    PLACE,
    READABLE,
    REFERENCES,
    REQUIRED,
    STEP_EVENTS,
    read_address,
    read_id,
)
from trioflow._engine.journal.sealing import placeholder, unseal
from trioflow._engine.journal.usual_events import UsualEvents
from trioflow._engine.stream.drafts import DRAFTS
from trioflow._forms.form import MAX_DEPTH, Plain
from trioflow._forms.shown import escaped, untagged
from trioflow.abc import Codec, Entry, RunHeader
from trioflow.errors import (
    JournalFormatError,
    WireFormatError,
)
from trioflow.wire import from_wire
from trioflow.wire._plain import rewritable
from trioflow.wire._shown import shown as quoted

FORMAT = 2
"""Version of the journal format. Journals of every earlier version can be read."""
READ_DEPTH = 4 * MAX_DEPTH
"""The maximum nesting of JSON in an entry; tags around values count as levels."""
UNTAGGED = frozenset({str, int, bool, type(None)})
"""Types whose values neither have nor contain a tag."""
_scan: Any = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


def decode(run_id: str, entries: Iterable[Entry], codec: Codec | None = None) -> list[ev.Event]:
    """Return the events of a run's journal for display: values are plain JSON types.

    Args:
      entries: From the first one on; `trioflow._engine.journal.reading` reads parts of journals.
      codec: Decodes values; without it, encoded values are shown as asterisks.

    Raises:
      JournalFormatError: if an entry cannot be read or is misplaced.
    """
    found: dict[int, ev.Event] = {}
    for entry in entries:
        event = decode_entry(run_id, entry, codec)
        for name, reference in references(event):
            event = resolved(event, name, found.get(reference.seq), reference)
        found[event.seq] = event
    return list(found.values())


def decode_entry(run_id: str, entry: Entry, codec: Codec | None = None) -> ev.Event:
    """Return the event of an entry in a run's journal; values are plain JSON types.

    A value that an earlier entry holds is a `ValueOf`.

    Raises:
      JournalFormatError: if the entry cannot be read or is misplaced.
    """
    return _decoded(run_id, entry, _Reader(True, codec))


def references(event: ev.Event) -> list[tuple[str, ValueOf]]:
    """Return the attributes of an event whose values are in earlier entries."""
    found: list[tuple[str, ValueOf]] = []
    for name in REFERRING:
        value = getattr(event, name, None)
        each = value.values() if name in KEYED and is_keyed(value) else (value,)
        found += [(name, part) for part in each if isinstance(part, ValueOf)]
    return found


def resolved(event: ev.Event, name: str, source: ev.Event | None, reference: ValueOf) -> ev.Event:
    """Return an event with the value of an earlier one in place of a reference.

    Raises:
      JournalFormatError: if the earlier event does not exist or has no such value.
    """
    try:
        value: Any = ValueOf.find(source) if source is not None else reference
    except LookupError:
        value = reference
    if isinstance(value, ValueOf):
        problem = f"its {name} refers to entry {reference.seq}, which has none"
        raise JournalFormatError(event.run_id, event.seq, problem)
    if name in KEYED:
        parts = getattr(event, name).items()
        value = {key: value if part is reference else part for key, part in parts}
    return attrs.evolve(event, **{name: value})


def decode_recorded(run_id: str, entries: Iterable[Entry], codec: Codec | None) -> list[ev.Event]:
    """Return the events of a run's journal, with values as written by `trioflow._forms`.

    A value that an earlier entry holds is a `ValueOf`.

    Raises:
      JournalFormatError: if an entry cannot be read or is misplaced.
    """
    reader, usual = _Reader(False, codec), UsualEvents(run_id)
    return [usual.read(entry) or _decoded(run_id, entry, reader) for entry in entries]


@attrs.frozen
class _Reader:
    """How decoded values are returned."""

    shows: bool
    """Whether the values are for display; otherwise, forms convert them."""
    codec: Codec | None

    def unsealed(self, cls: type[ev.Event], sealed: Mapping[str, Plain]) -> dict[str, Plain]:
        """Return the attributes that a codec has encoded."""
        defaults = {field.name: field.default for field in FIELDS[cls] if field.is_sealed}
        if not sealed.keys() <= defaults.keys():
            raise WireFormatError("it has encoded attributes that its type does not have")
        if self.shows and self.codec is None:
            return {name: placeholder(name, defaults[name]) for name in sealed}
        return {name: unseal(text, self.codec) for name, text in sealed.items()}

    def tagged(self, plain: Plain) -> Plain:
        """Return a value of a format with tags."""
        if type(plain) in UNTAGGED:
            return plain
        checked = rewritable(plain, READ_DEPTH)
        return untagged(checked) if self.shows else checked

    def bare(self, event: ev.Event) -> ev.Event:
        """Return an event of a format without tags."""
        names = [field.name for field in FIELDS[type(event)] if field.is_value]
        if self.shows or not names:
            return event
        return attrs.evolve(event, **{name: escaped(getattr(event, name)) for name in names})


def _decoded(run_id: str, entry: Entry, reader: _Reader) -> ev.Event:
    if type(entry.at) not in (float, int):  # SQLite keeps any value in any column
        raise JournalFormatError(run_id, entry.seq, f"its time is {quoted(entry.at)}")
    try:
        parsed = _parse(entry.text)
    except (TypeError, ValueError, RecursionError) as exc:
        raise JournalFormatError(run_id, entry.seq, f"it is not JSON ({exc})") from exc
    try:
        if isinstance(parsed, list):
            event = _event(run_id, entry, parsed, reader)
        else:
            event = reader.bare(from_wire(entry.text))
    except WireFormatError as exc:
        raise JournalFormatError(run_id, entry.seq, exc.problem) from exc
    if event.seq != entry.seq or event.run_id != run_id:
        problem = f"it holds event {event.seq} of run {event.run_id}"
        raise JournalFormatError(run_id, entry.seq, problem)
    return event


def _parse(text: str) -> Plain:
    # Does what json.loads() does, without the time that its checks take.
    try:
        parsed, end = _scan(text, 0)
    except (TypeError, ValueError, StopIteration):
        end = -1
    return parsed if end == len(text) else json.loads(text)


def _event(run_id: str, entry: Entry, parts: list[Plain], reader: _Reader) -> ev.Event:
    cls, fields, sealed = _taken_apart(parts)
    if sealed:
        fields = fields | reader.unsealed(cls, sealed)
    # With few calls, for speed: a run of a thousand steps has three thousand events.
    values: dict[str, Any] = {"run_id": run_id, "seq": parts[1], "at": entry.at, **LEFT_OUT[cls]}
    known, tagged = READABLE[cls], reader.tagged
    if cls in STEP_EVENTS:
        values["id"], values["address"] = read_id(parts[2], tagged), read_address(parts[3], tagged)
    for name, plain in fields.items():
        if name in known:
            values[name] = known[name].read(plain, tagged)
        elif name in REFERENCES and REFERENCES[name] in known and REFERENCES[name] not in fields:
            attribute = REFERENCES[name]
            read = _references if attribute in KEYED else _reference
            values[attribute] = read(parts[1], plain)
    for name in REQUIRED[cls]:
        if name not in values:
            raise WireFormatError(f"{cls.type} lacks {name!r}")
    if reader.shows and "asks" in values:
        values["payload"] = _payload(values["asks"])
    event: ev.Event = DRAFTS[cls](**values)
    event.__class__ = cls
    return event


def _payload(asks: Plain) -> Plain:
    try:
        return ev.payload_of(asks)
    except (TypeError, KeyError, AttributeError) as exc:
        raise WireFormatError("its questions are not valid") from exc


def _taken_apart(parts: list[Plain]) -> tuple[type[ev.Event], dict[str, Plain], dict[str, Plain]]:
    """Return the class of an event, and both objects of its entry."""
    type_ = parts[0] if parts else None
    if not isinstance(type_, str) or type_ not in ev.EVENT_TYPES:
        raise WireFormatError(f"there is no event type {quoted(type_)}")
    cls = ev.EVENT_TYPES[type_]
    before = 4 if cls in STEP_EVENTS else 2
    fields = parts[before] if len(parts) > before else {}
    sealed = parts[before + 1] if len(parts) > before + 1 else {}
    is_whole = before <= len(parts) <= before + 2
    if not (is_whole and isinstance(fields, dict) and isinstance(sealed, dict)):
        names = ("seq", *PLACE) if cls in STEP_EVENTS else ("seq",)
        raise WireFormatError(f"it is not a {type_} with {', '.join(names)} and an object")
    if type(parts[1]) is not int:
        raise WireFormatError(f"'seq' must be an integer, not {quoted(parts[1])}")
    return cls, fields, sealed


def _reference(seq: int, origin: Plain) -> ValueOf:
    if type(origin) is not int or not 0 <= origin < seq:
        raise WireFormatError(f"it refers to entry {quoted(origin)}")
    return ValueOf(origin)


def _references(seq: int, origins: Plain) -> dict[str, ValueOf]:
    if not isinstance(origins, dict):
        raise WireFormatError(f"it refers to entries {quoted(origins)}")
    return {key: _reference(seq, origin) for key, origin in origins.items()}


def check_format(header: RunHeader) -> None:
    """Check that the journal of a run is in a format that this version can read.

    Raises:
      JournalFormatError: if it is not.
    """
    known = header.format
    if type(known) is not int or known < 1:
        raise JournalFormatError(header.run_id, None, f"{known!r} is not a journal format")
    if known > FORMAT:
        problem = f"it has format {known}; this trioflow reads formats up to {FORMAT}, upgrade it"
        raise JournalFormatError(header.run_id, None, problem)
