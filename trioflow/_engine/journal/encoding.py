"""Encode events as the entries of a journal; see `trioflow._engine.journal.codec` for the format.

Three events are written for every step of a durable run. For speed, attributes that have their
default are skipped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import isfinite
from types import MappingProxyType
from typing import Any

from trioflow import events as ev
from trioflow._engine.base.plan import WorkflowPlan
from trioflow._engine.history.event_values import EventValue, ValueOf, owner_of, values_of
from trioflow._engine.journal.last_value import Reference
from trioflow._engine.journal.layout import LISTED, LISTED_VALUES, EntryField
from trioflow._engine.journal.long_entry import entry_of
from trioflow._engine.journal.prepared import Prepared
from trioflow._engine.journal.sealing import seal
from trioflow._engine.journal.usual_entries import usual_text
from trioflow._forms.errors import dump_error
from trioflow._forms.form import MAX_DEPTH, Plain
from trioflow.abc import Codec, Entry
from trioflow.errors import (
    HOOK_REMEDY,
    FaultsError,
    InvalidValueError,
    NotSerializableError,
)
from trioflow.wire._failures import error_to_wire
from trioflow.wire._plain import join
from trioflow.wire._shown import class_name, message_of

_OF_CONTEXT = ("runtime_context", "updates")
"""Attributes of events that hold the runtime context."""
_RESOURCE_REMEDY = (
    "open it as a resource, open_engine(resources={...}), and get it with ctx.resource()"
)
_NO_VALUES: Mapping[str, EventValue] = MappingProxyType({})
_to_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_string_to_json = json.encoder.encode_basestring_ascii  # does the same in a third of the time


def encode(
    event: ev.Event,
    plan: WorkflowPlan | None = None,
    recorded: Mapping[str, Reference] = MappingProxyType({}),
    prepared: Prepared | None = None,
    codec: Codec | None = None,
) -> Entry:
    """Return an event as an entry.

    Args:
      plan: The workflow, which defines how values are recorded; None if the event holds no values.
      recorded: The attributes whose values earlier entries hold.
      prepared: A value that is written already.
      codec: Encodes values and errors.

    Raises:
      InvalidValueError: if a value does not have its type.
      NotSerializableError: if a value cannot be written or read back.
    """
    if plan is not None and codec is None and prepared is None and not recorded:
        text = usual_text(event, plan)
        if text is not None:
            return Entry(event.seq, event.at, text)
    return encode_any(event, plan, recorded, prepared, codec)


def encode_any(
    event: ev.Event,
    plan: WorkflowPlan | None,
    recorded: Mapping[str, Reference],
    prepared: Prepared | None,
    codec: Codec | None,
) -> Entry:
    """Do the work of `encode`, for any event."""
    values = _NO_VALUES if plan is None else values_of(event, plan)
    pieces = [_place(event)]
    sealed: dict[str, str] = {}
    before = ",{"
    for field, value in zip(LISTED[type(event)], LISTED_VALUES[type(event)](event), strict=True):
        described = values.get(field.name)
        if described is None:
            if value is field.default:  # the usual case
                continue
            if field.name == "payload" and is_implied(event, "payload"):
                continue
        if recorded and field.name in recorded:
            pieces += (before, f'"{field.name}_of":', _reference(recorded[field.name]))
            before = ","
            continue
        text = _text(event, field, value, described, plan, prepared)
        if text is None:
            continue
        if codec is not None and field.is_sealed:
            sealed[field.name] = seal("".join(text), codec)
        else:
            pieces += (before, field.key, *text)
            before = ","
    if before == ",":
        pieces.append("}")
    if sealed:
        pieces += ("," if before == "," else ",{},", _json(event, sealed))
    pieces.append("]")
    if prepared is None:
        return Entry(event.seq, event.at, "".join(pieces))
    return entry_of(event.seq, event.at, pieces)


def _reference(source: Reference) -> str:
    """Return the number of an earlier entry as JSON, or those for several keys."""
    if isinstance(source, ValueOf):
        return str(source.seq)
    return _to_json({key: each.seq for key, each in source.items()})


def is_implied(event: ev.Event, name: str) -> bool:
    """Return whether a value follows from others of its event.

    For example, a call's payload follows from its questions.
    """
    return name == "payload" and getattr(event, "asks", None) is not None


def _place(event: ev.Event) -> str:
    """Return the beginning of the list."""
    if isinstance(event, ev.StepEvent):
        id, address = _json(event, event.id), _json(event, event.address)
        return f'["{event.type}",{event.seq},{id},{address}'
    return f'["{event.type}",{event.seq}'


def _text(
    event: ev.Event,
    field: EntryField,
    value: Any,
    described: EventValue | None,
    plan: WorkflowPlan | None,
    prepared: Prepared | None,
) -> Sequence[str] | None:
    """Return an attribute as JSON, in pieces; None if it is left out."""
    if described is None:
        plain = _written(value, plan)
    elif value is None and not described.is_given:
        return None
    elif prepared is not None and prepared.is_of(described.form, value):
        return prepared.pieces
    else:
        plain = _dumped(value, described, event, field.name, plan)
    return None if plain is None or plain == field.default else (_json(event, plain),)


def _dumped(
    value: Any, described: EventValue, event: ev.Event, name: str, plan: WorkflowPlan | None
) -> Plain:
    try:
        return described.form.dump(value, MAX_DEPTH)
    except Exception as exc:  # classes of values are user code
        assert plan is not None  # only a plan describes values
        raise _refused(event, name, described, plan, exc) from _cause_of(exc)


def _refused(
    event: ev.Event, name: str, value: EventValue, plan: WorkflowPlan, exc: Exception
) -> Exception:
    """Return the error for a value that cannot be written."""
    match exc:
        case FaultsError(faults=faults):
            return InvalidValueError(value.what, owner_of(event, plan), faults)
        case NotSerializableError(path=path, problem=problem, remedy=remedy):
            if name in _OF_CONTEXT and remedy == HOOK_REMEDY:
                remedy = _RESOURCE_REMEDY
            return NotSerializableError(join(name, path), problem, remedy)
        case RecursionError():
            problem = f"is nested more than {MAX_DEPTH} levels deep, or contains itself"
            remedy = "use a flat form of it, such as a list with ids"
            return NotSerializableError(name, problem, remedy)
    problem = f"cannot be recorded ({class_name(exc)}: {message_of(exc)})"
    return NotSerializableError(name, problem, "correct its class")


def _cause_of(exc: Exception) -> BaseException | None:
    return exc.__cause__ if isinstance(exc, NotSerializableError) else exc


def _written(value: Any, plan: WorkflowPlan | None) -> Plain:
    if isinstance(value, BaseException):
        forms = None if plan is None else plan.forms
        return error_to_wire(value) if forms is None else dump_error(value, forms.forms)
    return list(value) if isinstance(value, tuple) else value


def _json(event: ev.Event, plain: Plain) -> str:
    try:
        kind = type(plain)
        if kind is str:
            return _string_to_json(plain)
        if kind is int or (kind is float and isfinite(plain)):
            return repr(plain)
        return _to_json(plain)
    except (TypeError, ValueError, RecursionError) as exc:
        # Values were checked, so this is an id or a name that does not have its type.
        problem = f"of type {event.type!r} cannot be written ({exc})"
        remedy = "use strings as ids, names and reasons"
        raise NotSerializableError("event", problem, remedy) from exc
