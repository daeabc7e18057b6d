"""All events: what they mean, their attributes, and their JSON in both dialects."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Any, get_args, get_origin

import attrs
from sphinx.pycode import ModuleAnalyzer

from _tools.tables import as_markdown, first_paragraph, table
from trioflow import events, wire

ENVELOPE = ("run_id", "seq", "at")
SAMPLES: Mapping[str, Any] = {
    "run_id": "order-7",
    "seq": 4,
    "at": 1767225600.25,
    "id": "charge",
    "address": "0",
    "workflow_id": "order",
    "input": {"amount": 50},
    "output": {"paid": True},
    "runtime_context": {"tenant": "acme"},
    "metadata": {"release": "12"},
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
    "status": "success",
    "attempt": 1,
    "attempts": 2,
    "delay": 0.5,
    "seconds": 0.75,
    "chunk": {"progress": 0.5},
    "index": 0,
    "done": 1,
    "total": 3,
    "tool_call_id": "order-7:0/call-1",
    "name": "suggest",
    "args": {"forecast": "sun"},
    "delta": "Take ",
    "event": "paid",
    "data": {"by": "ann"},
    "received": 3,
    "updates": {"tenant": "acme"},
    "until": 1767312000.0,
    "key": "boss",
    "started": "mail-7",
    "namespace": "agents",
    "payload": {"question": "Pay 50?"},
    "label": "boss",
    "targets": ("0",),
    "reason": "out of stock",
    "result": {"paid": True},
}
"""Sample values of attributes; those without one have their default."""
OPTIONAL = {
    "runtime_context",
    "metadata",
    "trace_id",
    "output",
    "data",
    "payload",
    "label",
    "targets",
    "reason",
    "result",
    "until",
    "input",
}
"""Attributes with a default that samples set nevertheless."""


def sample(cls: type[events.Event]) -> events.Event:
    """Return an event with sample values."""
    values: dict[str, Any] = {}
    for field in attrs.fields(cls):
        if field.name == "error" and field.default is attrs.NOTHING:
            values[field.name] = OSError("connection reset")
        elif field.default is attrs.NOTHING or field.name in OPTIONAL & SAMPLES.keys():
            values[field.name] = SAMPLES[field.name]
    if cls is events.ToolError:
        values["status"], values["error"] = "failed", OSError("connection reset")
    return cls(**values)


def overview() -> str:
    """Return a table of all types, and which engine of the dialects also has them."""
    rows = []
    for name, cls in events.EVENT_TYPES.items():
        link = f"[`{name}`](#event-{name})"
        marks = ["yes" if name in wire.NATIVE_TYPES[d] else "" for d in wire.DIALECTS]
        rows.append((link, f"`{cls.__name__}`", first_paragraph(cls.__doc__), *marks))
    return table(("type", "class", "meaning", "Mastra 0.18", "Mastra 1.x"), rows)


def details() -> str:
    """Return a section per type: attributes, and the JSON of a sample in both dialects."""
    return "\n\n".join(section(name, cls) for name, cls in events.EVENT_TYPES.items())


def section(name: str, cls: type[events.Event]) -> str:
    rows = [
        (f"`{field.name}`", f"`{type_name(field.type)}`", meaning(cls, field.name))
        for field in attrs.fields(attrs.resolve_types(cls))
        if field.name not in ENVELOPE
    ]
    parts = [f"(event-{name})=", f"### {name}", intro(cls)]
    if rows:
        parts.append(table(("attribute", "type", "meaning"), rows))
    event = sample(cls)
    for dialect in wire.DIALECTS:
        text = json.dumps(wire.to_wire(event, dialect=dialect, stack=False), indent=2)
        parts.append(f":::{{dropdown}} JSON, `{dialect}`\n```json\n{text}\n```\n:::")
    return "\n\n".join(parts)


def intro(cls: type[events.Event]) -> str:
    return as_markdown(inspect.cleandoc(cls.__doc__ or ""))


def meaning(cls: type, name: str) -> str:
    """Return the docstring under an attribute, of the class or a base."""
    comments = ModuleAnalyzer.for_module(cls.__module__).find_attr_docs()
    for base in cls.__mro__:
        found = comments.get((base.__name__, name))
        if found:
            return as_markdown(" ".join(" ".join(found).split()))
    return ""


def type_name(type_: Any) -> str:
    """Return a type as it is written."""
    if type_ is type(None):
        return "None"
    if get_origin(type_) is not None:
        return str(type_).replace("typing.", "").replace("collections.abc.", "").replace(
            "trioflow.events.", ""
        )  # fmt: skip
    return getattr(type_, "__name__", str(type_)) if not get_args(type_) else str(type_)
