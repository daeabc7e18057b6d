"""What a run waits for: answers to suspended steps and their questions, and events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from trioflow import RunRecord, Step, StepRecord, Workflow
from trioflow.addresses import Address
from trioflow.nodes import WaitForEvent
from trioflow_server.compat.suspended import suspended_leaves
from trioflow_server.pages.definitions import definition_at, node_at, schema_of
from trioflow_server.service import Service


@attrs.frozen(kw_only=True)
class Question:
    """One answer that a run waits for."""

    step: str
    """Id of the step, with the ids of the workflows around it."""
    address: str
    label: str | None = None
    index: int | None = None
    """In a foreach: the index of the item, from 0."""
    payload: Any = None
    has_payload: bool = True
    schema: Mapping[str, Any] = attrs.field(factory=dict)
    until: float | None = None
    """When it expires: seconds since the epoch."""
    event: str | None = None
    """The event that is waited for, instead of an answer."""

    @property
    def key(self) -> str:
        """What tells it from the others of a run, also when it is asked again."""
        return " ".join((self.address, self.label or "", self.event or ""))

    @property
    def name(self) -> str:
        """What it is called."""
        item = "" if self.index is None else f" [{self.index}]"
        return f"{self.step}{item}"


def questions_of(
    service: Service, workflow: Workflow[Any, Any] | None, record: RunRecord
) -> Sequence[Question]:
    """Return what a run waits for, in the order of its calls."""
    found: list[Question] = []
    for leaf in suspended_leaves(record):
        found.extend(_asked(service, workflow, record, leaf))
    return found


def _asked(
    service: Service, workflow: Workflow[Any, Any] | None, record: RunRecord, leaf: StepRecord
) -> Iterator[Question]:
    address = Address.parse(leaf.address)
    items = [part.item for part in address.walk() if part.item is not None]
    about: dict[str, Any] = {"step": leaf.id, "address": leaf.address}
    about["index"] = items[-1] if items else None
    waiting = [ask for ask in record.asks.get(leaf.address, {}).values() if ask.status == "waiting"]
    for ask in waiting:
        question = ask.question
        yield Question(
            **about,
            label=question["label"],
            payload=question["payload"],
            schema=question["schema"],
            until=question["until"],
        )
    if not waiting:
        step = definition_at(service, workflow, leaf.address)
        schema = schema_of(service, step.resume) if isinstance(step, Step) else {}
        yield Question(**about, label=leaf.label, payload=leaf.suspend_payload, schema=schema)


def awaited_events(
    service: Service, workflow: Workflow[Any, Any] | None, record: RunRecord
) -> Sequence[Question]:
    """Return the events that open calls wait for."""
    found = []
    for call in record.open.values():
        about: dict[str, Any] = {"step": call.id, "address": call.address, "has_payload": False}
        node, step = node_at(service, workflow, call.address)
        if call.kind == "wait" and isinstance(node, WaitForEvent):
            schema = schema_of(service, step.resume) if isinstance(step, Step) else {}
            found.append(Question(**about, schema=schema, until=call.until, event=node.event))
        elif call.is_parked:
            found.append(Question(**about, event=call.event))
    return found
