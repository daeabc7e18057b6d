"""Our events in the shape of the recorded ones.

What the recorded engine does not tell is left out, by the type of the event or the kind of
the call. What it tells in another place or form is moved there. Nothing is made up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
from cattrs import Converter

from trioflow import events as ev
from trioflow.addresses import Address
from trioflow.wire import to_wire

from .agents import AgentTeller
from .flavours import Flavour
from .memory import Memory, Seen, failure_keys, tripwire_keys
from .messages import Words
from .place import Custom
from .schemas import Schema, let_through
from .undefined import UNDEFINED, Undefined, plain

_NOTHING = "\0undefined"


@attrs.define
class Translator:
    """Translates the events of one stream."""

    flavour: Flavour
    words: Words
    schemas: Mapping[str, Schema]
    """Schemas by the id of the step: the recorded engine shows values as they let them through."""
    outputs: Mapping[str, Any]
    """What bodies returned that had asked to be suspended, by the name of their call."""
    shown_ids: Mapping[str, str]
    """The ids that runs are shown with, where they differ."""
    agents: frozenset[str] = frozenset()
    """The ids of the steps that are agents."""
    memory: Memory = attrs.field(init=False)
    teller: AgentTeller = attrs.field(init=False)
    converter: Converter = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.memory = Memory(self.words.order, self.words.is_old)
        self.teller = AgentTeller(self.agents, self.flavour.dialect == "mastra-0.18")
        self.converter = Converter()
        self.converter.register_unstructure_hook(Undefined, lambda _: _NOTHING)

    def begin_again(self, event: ev.Event) -> dict[str, Any]:
        """Return what a stream begins with that goes on with a run."""
        run_id = self.shown_ids.get(event.run_id, event.run_id)
        start = ev.Start(run_id=run_id, seq=event.seq, at=event.at, workflow_id="wf", input=None)
        return to_wire(start, self.flavour.dialect)

    def translate(self, event: ev.Event) -> list[dict[str, Any]]:
        """Return the recorded form of an event; nothing if the recorded engine has none."""
        seen = self.memory.note(event)
        agent = self.teller.own(event)
        if agent is None or not isinstance(event, ev.StepEvent):
            return self._translate(event, seen)
        if self._is_in_item(event):
            return self._translate(event, seen) if event.id == agent else []
        if event.id != agent:
            return self.teller.inside(agent, event)
        return [*self.teller.before(event), *self._translate(event, seen)]

    def _translate(self, event: ev.Event, seen: Seen) -> list[dict[str, Any]]:
        if isinstance(event, ev.StepOutput) and isinstance(event.chunk, Custom):
            return [self._custom(event, event.chunk)]
        if event.type not in self.flavour.types or self._is_hidden(event, seen):
            return []
        wire = to_wire(event, self.flavour.dialect, converter=self.converter)
        payload = wire.get("payload", wire)
        for part in (wire, payload):
            if "runId" in part:
                part["runId"] = self.shown_ids.get(event.run_id, event.run_id)
        self._add_error(payload, event)
        self._adjust(payload, event, seen)
        if isinstance(event, ev.StepSuspended):
            if event.step_call_id in self.outputs and not self.words.is_old:
                payload["suspendOutput"] = _unset(self.outputs[event.step_call_id])
            payload["suspendPayload"] = _unset(self.memory.suspend_payload(event.address))
        return [_without_nothing(wire)]

    def _is_hidden(self, event: ev.Event, seen: Seen) -> bool:
        if isinstance(event, ev.ToolEvent):  # a tool as a node is a step like others there
            return event.id.rpartition(".")[2] == event.name
        if isinstance(event, ev.StepOutput):
            return False
        if isinstance(event, ev.StepEvent) and self._is_in_item(event):
            return True
        if isinstance(event, ev.StepResult | ev.StepFinish) and seen.start is None:
            # A sleep is told to have ended only if it ended well, and a wait not at all
            # unless its event came.
            return seen.kind == "wait" or not self._ended_well(event)
        return False

    def _is_in_item(self, event: ev.StepEvent) -> bool:
        """Return whether an event is inside an item of a foreach, where these are not shown."""
        if self.flavour.shows_items:
            return False
        around = Address.parse(event.address).walk()
        return any(address.item is not None for address in around)

    def _ended_well(self, event: ev.StepResult | ev.StepFinish) -> bool:
        if isinstance(event, ev.StepResult):
            self._sleep_ended_well = event.status == "success"
        return self._sleep_ended_well

    _sleep_ended_well: bool = True
    _done_before: dict[str, int] = attrs.field(factory=dict)

    def _custom(self, event: ev.StepOutput, custom: Custom) -> dict[str, Any]:
        chunk: dict[str, Any] = plain(custom.chunk)
        return {**chunk, "runId": event.run_id, "from": "WORKFLOW"}

    def _adjust(self, payload: dict[str, Any], event: ev.Event, seen: Seen) -> None:
        match event:
            case ev.StepStart():
                payload["payload"] = self._shown(event.id, seen)
                payload |= self._answer(event.address, seen)
            case ev.StepWaiting():
                payload["payload"] = _unset(event.input)
            case ev.StepSuspended() | ev.StepResult() if self._repeats_input(seen):
                payload["payload"] = self._shown(event.id, seen)
                payload |= self._of_start(event.address, seen)
            case ev.StepOutput():
                # Chunks go by the name of the step alone, and a workflow that is an item
                # of a foreach has a run id of its own there.
                *outer, payload["stepName"] = event.id.split(".")
                item, bracket, _ = event.address.rpartition("]/")
                payload["runId"] += item + bracket
                if self.words.is_old:
                    _wrap_chunk(payload, outer)
            case ev.StepProgress():
                known = ("success", "suspended")
                payload["iterationStatus"] = event.status if event.status in known else "failed"
                payload["completedCount"] = self._count(event)
            case ev.Finish() if "output" in payload:
                counts = payload["output"]["usage"]
                payload["output"] = {"usage": {k: counts[k] for k in sorted(self.flavour.usage)}}

    def _repeats_input(self, seen: Seen) -> bool:
        return self.flavour.repeats_input and seen.start is not None

    def _of_start(self, address: str, seen: Seen) -> dict[str, Any]:
        """Return what the end of a call repeats of its beginning."""
        if seen.start is None:
            return {}
        repeated: dict[str, Any] = {"startedAt": seen.start.at}
        if seen.start.iteration is not None:
            repeated["metadata"] = {"iterationCount": seen.start.iteration}
        return repeated | self._answer(address, seen)

    def _answer(self, address: str, seen: Seen) -> dict[str, Any]:
        """Return the answer that a call goes on with, or an earlier iteration of its loop did."""
        answered: Seen | None = seen
        if not seen.was_answered and seen.waiting is None:
            answered = self.memory.last_answer(address)
        if answered is None or answered.start is None:
            return {}
        payload = _unset(answered.start.resume_data)
        return {"resumePayload": payload, "resumedAt": answered.start.at}

    def _count(self, event: ev.StepProgress) -> int:
        """Return how many items have ended in this part of the run, which is what it counts."""
        first = event.done - (event.status not in ("suspended", "canceled"))
        return event.done - self._done_before.setdefault(event.address, first)

    def _add_error(self, payload: dict[str, Any], event: ev.Event) -> None:
        error = getattr(event, "error", None)
        if error is None:
            return
        recorded = self.words.error(error, self.memory.chosen)
        if isinstance(event, ev.Finish) and "tripwire" in payload:
            payload |= tripwire_keys(error, self.memory)
        elif isinstance(event, ev.Finish) and "metadata" in payload:
            message = recorded["$error"]["message"]
            payload["metadata"] = {"error": recorded, "errorMessage": message}
        else:
            payload |= failure_keys(error, self.words, self.memory)

    def _shown(self, id: str, seen: Seen) -> Any:
        return _unset(let_through(seen.input, self.schemas.get(id)))


def _wrap_chunk(payload: dict[str, Any], outer: list[str]) -> None:
    """Make a chunk from nested workflows what the old engine does: one event in another."""
    for name in reversed(outer):
        kept = {key: payload[key] for key in ("output", "runId", "stepName")}
        envelope = {"type": "workflow-step-output", "runId": kept["runId"], "from": "USER"}
        payload |= {"output": {**envelope, "payload": kept}, "stepName": name}


def _unset(value: Any) -> Any:
    return _NOTHING if value is UNDEFINED else plain(value)


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nothing(item) for key, item in value.items() if item != _NOTHING}
    if isinstance(value, list):
        return [None if item == _NOTHING else _without_nothing(item) for item in value]
    return value
