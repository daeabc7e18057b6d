"""Events as the entries of a journal, and back.

Format 2, of which each entry is the JSON text of a list:

=============== =================================================================================
type            of the event, as in `trioflow.events`
seq             so that entries at another's place are noticed
id, address     of the step; only in events that belong to one
fields          an object with the other attributes, under their names; those that have their
                default are left out, and so is the object if it is empty
sealed          an object with those that a codec has encoded, as base64
=============== =================================================================================

The run's id and the time stand in the store, beside the text. Values of users are written by
`trioflow._forms`, with tags where a type alone does not tell what they were. Errors are written
as `trioflow.wire` does, with their notes, their cause and how they are made again.

A value that is not short and that an earlier entry of the run is known to hold is not written
again: ``input_of`` or ``output_of`` is the ``seq`` of that entry.

Format 1 has the objects of `trioflow.wire`, without tags. A journal may begin in an earlier format
and continue in this one, so each entry is looked at by itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from trioflow import events as ev
from trioflow._engine.history.event_values import REFERRING, ValueOf
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
"""Version of what stands in a journal. Journals of every earlier version can be read."""
READ_DEPTH = 4 * MAX_DEPTH
"""How many levels of JSON an entry may have: tags around values are levels as well."""
UNTAGGED = frozenset({str, int, bool, type(None)})
"""Types whose values never have a tag around them, nor one inside."""
_scan: Any = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


def decode(run_id: str, entries: Iterable[Entry], codec: Codec | None = None) -> list[ev.Event]:
    """Return the events of a run's journal, for people: values are plain JSON types.

    Args:
      entries: From the first one on; `trioflow._engine.journal.reading` reads parts of journals.
      codec: Decodes values; without it encoded ones are asterisks.

    Raises:
      JournalFormatError: if one of them cannot be read, or is not at its place.
    """
    found: dict[int, ev.Event] = {}
    for entry in entries:
        event = decode_entry(run_id, entry, codec)
        for name, reference in references(event):
            event = resolved(event, name, found.get(reference.seq), reference)
        found[event.seq] = event
    return list(found.values())


def decode_entry(run_id: str, entry: Entry, codec: Codec | None = None) -> ev.Event:
    """Return the event that a run's journal has as this entry; values are plain JSON types.

    A value that an earlier entry holds is a `ValueOf`.

    Raises:
      JournalFormatError: if it cannot be read, or is not at its place.
    """
    return _decoded(run_id, entry, _Reader(True, codec))


def references(event: ev.Event) -> list[tuple[str, ValueOf]]:
    """Return which attributes of an event are held by earlier ones."""
    values = [(name, getattr(event, name, None)) for name in REFERRING]
    return [(name, value) for name, value in values if isinstance(value, ValueOf)]


def resolved(event: ev.Event, name: str, source: ev.Event | None, reference: ValueOf) -> ev.Event:
    """Return an event with a value that an earlier one holds.

    Raises:
      JournalFormatError: if that is not there, or holds none.
    """
    try:
        value = ValueOf.find(source) if source is not None else reference
    except LookupError:
        value = reference
    if isinstance(value, ValueOf):
        problem = f"its {name} is that of entry {reference.seq}, which holds none"
        raise JournalFormatError(event.run_id, event.seq, problem)
    return attrs.evolve(event, **{name: value})


def decode_recorded(run_id: str, entries: Iterable[Entry], codec: Codec | None) -> list[ev.Event]:
    """Return the events of a run's journal, with values as `trioflow._forms` has written them.

    A value that an earlier entry holds is a `ValueOf`.

    Raises:
      JournalFormatError: if one of them cannot be read, or is not at its place.
    """
    reader, usual = _Reader(False, codec), UsualEvents(run_id)
    return [usual.read(entry) or _decoded(run_id, entry, reader) for entry in entries]


@attrs.frozen
class _Reader:
    """How values are given that were read."""

    shows: bool
    """Whether people look at them; else they are on their way to the forms."""
    codec: Codec | None

    def unsealed(self, cls: type[ev.Event], sealed: Mapping[str, Plain]) -> dict[str, Plain]:
        """Return attributes that a codec has encoded."""
        defaults = {field.name: field.default for field in FIELDS[cls] if field.is_sealed}
        if not sealed.keys() <= defaults.keys():
            raise WireFormatError("it has encoded attributes that are none")
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
    # As json.loads() does, but for the time that it takes to get there.
    try:
        parsed, end = _scan(text, 0)
    except (TypeError, ValueError, StopIteration):
        end = -1
    return parsed if end == len(text) else json.loads(text)


def _event(run_id: str, entry: Entry, parts: list[Plain], reader: _Reader) -> ev.Event:
    cls, fields, sealed = _taken_apart(parts)
    if sealed:
        fields = fields | reader.unsealed(cls, sealed)
    # From as few calls as can be: a run of a thousand steps has three thousand of these.
    values: dict[str, Any] = {"run_id": run_id, "seq": parts[1], "at": entry.at, **LEFT_OUT[cls]}
    known, tagged = READABLE[cls], reader.tagged
    if cls in STEP_EVENTS:
        values["id"], values["address"] = read_id(parts[2], tagged), read_address(parts[3], tagged)
    for name, plain in fields.items():
        if name in known:
            values[name] = known[name].read(plain, tagged)
        elif name in REFERENCES and REFERENCES[name] in known and REFERENCES[name] not in fields:
            values[REFERENCES[name]] = _reference(parts[1], plain)
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
        raise WireFormatError("its questions are none") from exc


def _taken_apart(parts: list[Plain]) -> tuple[type[ev.Event], dict[str, Plain], dict[str, Plain]]:
    """Return the class of an event, and both objects of its entry."""
    type_ = parts[0] if parts else None
    if not isinstance(type_, str) or type_ not in ev.EVENT_TYPES:
        raise WireFormatError(f"no event has the type {quoted(type_)}")
    cls = ev.EVENT_TYPES[type_]
    before = 4 if cls in STEP_EVENTS else 2
    fields = parts[before] if len(parts) > before else {}
    sealed = parts[before + 1] if len(parts) > before + 1 else {}
    is_whole = before <= len(parts) <= before + 2
    if not (is_whole and isinstance(fields, dict) and isinstance(sealed, dict)):
        names = ("seq", *PLACE) if cls in STEP_EVENTS else ("seq",)
        raise WireFormatError(f"it is no {type_} with {', '.join(names)} and an object")
    if type(parts[1]) is not int:
        raise WireFormatError(f"'seq' is {quoted(parts[1])}")
    return cls, fields, sealed


def _reference(seq: int, origin: Plain) -> ValueOf:
    if type(origin) is not int or not 0 <= origin < seq:
        raise WireFormatError(f"it refers to entry {quoted(origin)}")
    return ValueOf(origin)


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
