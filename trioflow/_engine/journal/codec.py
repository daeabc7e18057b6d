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
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import attrs

from trioflow import events as ev
from trioflow._engine.base.plan import WorkflowPlan
from trioflow._engine.history.event_values import REFERRING, EventValue, ValueOf, values_of
from trioflow._engine.journal.layout import FIELDS, LISTED
from trioflow._engine.journal.prepared import Prepared
from trioflow._engine.journal.sealing import placeholder, seal, unseal
from trioflow._forms.errors import dump_error
from trioflow._forms.form import MAX_DEPTH, Plain
from trioflow._forms.shown import escaped, untagged
from trioflow.abc import Codec, Entry, RunHeader
from trioflow.errors import (
    FaultsError,
    InvalidValueError,
    JournalFormatError,
    NotSerializableError,
    WireFormatError,
)
from trioflow.wire import from_wire
from trioflow.wire._failures import error_to_wire
from trioflow.wire._plain import join, rewritable
from trioflow.wire._reading import read_field
from trioflow.wire._shown import class_name, message_of
from trioflow.wire._shown import shown as quoted

FORMAT = 2
"""Version of what stands in a journal. Journals of every earlier version can be read."""
READ_DEPTH = 4 * MAX_DEPTH
"""How many levels of JSON an entry may have: tags around values are levels as well."""


# ---------------------------------------------------------------- writing
def encode(
    event: ev.Event,
    plan: WorkflowPlan | None = None,
    recorded: Mapping[str, ValueOf] = MappingProxyType({}),
    prepared: Prepared | None = None,
    codec: Codec | None = None,
) -> Entry:
    """Return an event as an entry.

    Args:
      plan: The workflow, which says how values are recorded; None if the event holds none.
      recorded: Which of its values earlier entries hold, by the names of the attributes.
      prepared: A value that is written already.
      codec: Encodes values and errors.

    Raises:
      InvalidValueError: if a value is not of its type.
      NotSerializableError: if it holds a value that cannot be written, or not be read back.
    """
    values = {} if plan is None else {each.name: each for each in values_of(event, plan)}
    texts: dict[str, Sequence[str]] = {}
    sealed: dict[str, str] = {}
    for field in LISTED[type(event)]:
        name, value = field.name, getattr(event, field.name)
        if name in recorded:
            texts[f"{name}_of"] = (str(recorded[name].seq),)
            continue
        described = values.get(name)
        if described is not None and prepared and prepared.is_of(described.form, value):
            text = prepared.pieces
        else:
            plain = _written(value, plan) if described is None else _dumped(described, value)
            if plain is None or plain == field.default:
                continue
            text = (_json(event, plain),)
        if codec is not None and field.is_sealed:
            sealed[name] = seal("".join(text), codec)
        else:
            texts[name] = text
    return Entry(event.seq, event.at, _text(event, texts, sealed))


def _dumped(described: EventValue, value: Any) -> Plain:
    if value is None and not described.is_given:
        return None
    try:
        return described.form.dump(value, MAX_DEPTH)
    except FaultsError as exc:
        raise InvalidValueError(described.what, described.owner, exc.faults) from exc
    except NotSerializableError as exc:
        path = join(described.name, exc.path)
        raise NotSerializableError(path, exc.problem, exc.remedy) from exc.__cause__
    except RecursionError as exc:
        problem = f"is nested more than {MAX_DEPTH} levels deep, or contains itself"
        remedy = "use a flat form of it, such as a list with ids"
        raise NotSerializableError(described.name, problem, remedy) from exc
    except Exception as exc:  # classes of values are code of users
        problem = f"cannot be recorded ({class_name(exc)}: {message_of(exc)})"
        raise NotSerializableError(described.name, problem, "correct its class") from exc


def _written(value: Any, plan: WorkflowPlan | None) -> Plain:
    if isinstance(value, BaseException):
        forms = None if plan is None else plan.forms
        return error_to_wire(value) if forms is None else dump_error(value, forms.forms)
    return list(value) if isinstance(value, tuple) else value


def _text(event: ev.Event, texts: Mapping[str, Sequence[str]], sealed: Mapping[str, str]) -> str:
    place = (event.id, event.address) if isinstance(event, ev.StepEvent) else ()
    pieces = [_json(event, (event.type, event.seq, *place))[:-1]]
    if texts or sealed:
        opening = ",{"
        for name, text in texts.items():
            pieces += (opening, _json(event, name), ":", *text)
            opening = ","
        pieces.append("}" if texts else ",{}")
    if sealed:
        pieces += (",", _json(event, sealed))
    return "".join((*pieces, "]"))


def _json(event: ev.Event, plain: Plain) -> str:
    try:
        return json.dumps(plain, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as exc:
        # Values were checked, so it is an id or a name that is not what its type says.
        problem = f"of type {event.type!r} cannot be written ({exc})"
        remedy = "give ids, names and reasons that are strings"
        raise NotSerializableError("event", problem, remedy) from exc


# ---------------------------------------------------------------- reading
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
    reader = _Reader(False, codec)
    return [_decoded(run_id, entry, reader) for entry in entries]


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
        parsed = json.loads(entry.text)
    except (TypeError, ValueError, RecursionError) as exc:
        raise JournalFormatError(run_id, entry.seq, f"it is not JSON ({exc})") from exc
    try:
        if isinstance(parsed, list):
            event = _event(run_id, entry, parsed, reader)
        else:
            event = reader.bare(from_wire(entry.text))
    except WireFormatError as exc:
        raise JournalFormatError(run_id, entry.seq, exc.problem) from exc
    if (event.run_id, event.seq) != (run_id, entry.seq):
        problem = f"it holds event {event.seq} of run {event.run_id}"
        raise JournalFormatError(run_id, entry.seq, problem)
    return event


def _event(run_id: str, entry: Entry, parts: list[Plain], reader: _Reader) -> ev.Event:
    type_ = parts[0] if parts else None
    if not isinstance(type_, str) or type_ not in ev.EVENT_TYPES:
        raise WireFormatError(f"no event has the type {quoted(type_)}")
    cls = ev.EVENT_TYPES[type_]
    names = ["seq", "id", "address"] if issubclass(cls, ev.StepEvent) else ["seq"]
    rest = parts[1 + len(names) :]
    fields, sealed = [*rest, {}, {}][:2]
    is_whole = len(parts) > len(names) and len(rest) <= 2
    if not (is_whole and isinstance(fields, dict) and isinstance(sealed, dict)):
        raise WireFormatError(f"it is no {type_} with {', '.join(names)} and an object")
    given = dict(zip(names, parts[1:], strict=False)) | fields | reader.unsealed(cls, sealed)
    if type(given["seq"]) is not int:
        raise WireFormatError(f"'seq' is {quoted(given['seq'])}")
    values: dict[str, Any] = {"run_id": run_id, "seq": given["seq"], "at": entry.at}
    for field in FIELDS[cls]:
        if field.name in given:
            values[field.name] = read_field(field.wire, given[field.name], reader.tagged)
        elif field.name in REFERRING and f"{field.name}_of" in given:
            values[field.name] = _reference(given["seq"], given[f"{field.name}_of"])
        elif field.default is attrs.NOTHING:
            raise WireFormatError(f"{type_} lacks {field.name!r}")
        elif field.is_implied:
            values[field.name] = field.default
    return cls(**values)


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
