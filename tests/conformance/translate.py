"""Our events and results in the shape of the recorded ones.

What the recorded engine does not tell is left out, by the type of the event or the kind of
the call. What it tells in another place or form is moved there. Nothing is made up.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs
from cattrs import Converter

from trioflow import NonRetryableError, RunResult, StepRecord
from trioflow import events as ev
from trioflow.wire import NATIVE_TYPES, Dialect, to_wire

from .bodies import Custom
from .messages import Words
from .schemas import Schema, let_through
from .undefined import UNDEFINED, Undefined, plain

_NOTHING = "\0undefined"


@attrs.frozen
class Flavour:
    """One of the ways in which one of the recorded engines hands out its events."""

    dialect: Dialect
    types: frozenset[str]
    """Our types of events that it has."""
    usage: frozenset[str] = frozenset()
    """Which counts of tokens it has."""
    shows_items: bool = False
    """Whether the steps inside the items of a foreach are seen."""
    repeats_input: bool = True
    """Whether the end of a call repeats its input."""


_USAGE_0 = frozenset({"inputTokens", "outputTokens", "totalTokens"})
_USAGE_1 = _USAGE_0 | {"cachedInputTokens", "cacheCreationInputTokens", "reasoningTokens"}


def flavour_of(words: Words, api: str) -> Flavour:
    """Return how an engine hands out events in the stream of an API."""
    old, new = NATIVE_TYPES["mastra-0.18"], NATIVE_TYPES["mastra-1"]
    if not words.is_old:
        if "Legacy" in api:
            return Flavour("mastra-0.18", old | {"step-progress"})
        return Flavour("mastra-1", new, _USAGE_1)
    if "VNext" in api:
        return Flavour("mastra-1", new - {"step-progress"}, _USAGE_0, True, False)
    return Flavour("mastra-0.18", old, shows_items=True, repeats_input=False)


@attrs.define
class Seen:
    """What the events have said of one call so far."""

    start: ev.StepStart | None = None
    waiting: ev.StepWaiting | None = None
    early: int | None = None
    """Index of the first item of a foreach that did not end well."""
    error: BaseException | None = None
    """The error of that item."""

    @property
    def kind(self) -> str:
        if self.start is not None:
            return self.start.kind
        return "sleep" if self.waiting is None or self.waiting.event is None else "wait"

    @property
    def input(self) -> Any:
        """The input; of a foreach that ended early, the item that ended it."""
        first = self.start or self.waiting
        value: Any = None if first is None else first.input
        return value if self.early is None else value[self.early]


@attrs.define
class Memory:
    """What the events of a run have said so far."""

    by_position: bool = False
    """Whether the first item to end a foreach early is the first in the list, not in time."""
    calls: dict[str, Seen] = attrs.field(factory=dict)
    chosen: dict[int, BaseException] = attrs.field(factory=dict)
    step_failed: bool = False
    """Whether a step of the root workflow failed, in the recorded engine's sense."""

    def note(self, event: ev.Event) -> Seen:
        """Take note of an event and return what is known of its call."""
        seen = self.calls.setdefault(getattr(event, "address", ""), Seen())
        match event:
            case ev.StepStart():
                seen.start = event
            case ev.StepWaiting() if seen.start is None:
                seen.waiting = event
            case ev.StepProgress(status="failed" | "bailed"):
                self._note_early_end(seen, event)
            case ev.StepResult(status="failed", error=error):
                if seen.error not in (None, error):
                    self.chosen[id(error)] = seen.error
                self.step_failed |= "/" not in event.address and seen.kind != "sleep"
        return seen

    def _note_early_end(self, seen: Seen, item: ev.StepProgress) -> None:
        """Remember the item that the recorded engine tells of: a failed one, and the first.

        The first is that of the list for the old engine, and the first in time for the new.
        """
        if seen.early is not None and seen.error is not None and item.status == "bailed":
            return
        is_better = seen.early is None or (seen.error is None) != (item.error is None)
        if is_better or (self.by_position and item.index < (seen.early or 0)):
            seen.early, seen.error = item.index, item.error


def remember(events: Iterable[ev.Event], words: Words) -> Memory:
    """Return what the events of a run say."""
    memory = Memory(words.is_old)
    for event in events:
        memory.note(event)
    return memory


# ---------------------------------------------------------------- events
@attrs.define
class Translator:
    """Translates the events of one stream."""

    flavour: Flavour
    words: Words
    schemas: Mapping[str, Schema]
    """Schemas by the id of the step: the recorded engine shows values as they let them through."""
    memory: Memory = attrs.field(init=False)
    converter: Converter = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.memory = Memory(self.words.is_old)
        self.converter = Converter()
        self.converter.register_unstructure_hook(Undefined, lambda _: _NOTHING)

    def translate(self, event: ev.Event) -> list[dict[str, Any]]:
        """Return the recorded form of an event; nothing if the recorded engine has none."""
        seen = self.memory.note(event)
        if isinstance(event, ev.StepOutput) and isinstance(event.chunk, Custom):
            return [self._custom(event, event.chunk)]
        if event.type not in self.flavour.types or self._is_hidden(event, seen):
            return []
        wire = to_wire(event, self.flavour.dialect, converter=self.converter)
        payload = wire.get("payload", wire)
        self._add_error(payload, event)
        self._adjust(payload, event, seen)
        return [_without_nothing(wire)]

    def _is_hidden(self, event: ev.Event, seen: Seen) -> bool:
        if isinstance(event, ev.ToolEvent):  # a tool as a node is a step like others there
            return event.id.rpartition(".")[2] == event.name
        if isinstance(event, ev.StepOutput):
            return False
        if "]" in getattr(event, "address", "") and not self.flavour.shows_items:
            return True
        if isinstance(event, ev.StepResult | ev.StepFinish) and seen.start is None:
            # A sleep is told to have ended only if it ended well, and a wait not at all
            # unless its event came.
            return seen.kind == "wait" or not self._ended_well(event)
        return False

    def _ended_well(self, event: ev.StepResult | ev.StepFinish) -> bool:
        if isinstance(event, ev.StepResult):
            self._sleep_ended_well = event.status == "success"
        return self._sleep_ended_well

    _sleep_ended_well: bool = True

    def _custom(self, event: ev.StepOutput, custom: Custom) -> dict[str, Any]:
        chunk: dict[str, Any] = plain(custom.chunk)
        return {**chunk, "runId": event.run_id, "from": "WORKFLOW"}

    def _adjust(self, payload: dict[str, Any], event: ev.Event, seen: Seen) -> None:
        match event:
            case ev.StepStart():
                payload["payload"] = self._shown(event.id, seen)
                if seen.waiting is not None:
                    payload["resumePayload"] = _unset(event.resume_data)
                    payload["resumedAt"] = payload["startedAt"]
            case ev.StepWaiting():
                payload["payload"] = _unset(event.input)
            case ev.StepResult() if self.flavour.repeats_input and seen.start is not None:
                payload["payload"] = self._shown(event.id, seen)
                payload["startedAt"] = seen.start.at
                if seen.start.iteration is not None:
                    payload["metadata"] = {"iterationCount": seen.start.iteration}
            case ev.StepOutput():
                # Chunks go by the name of the step alone, and a workflow that is an item
                # of a foreach has a run id of its own there.
                *outer, payload["stepName"] = event.id.split(".")
                item, bracket, _ = event.address.rpartition("]/")
                payload["runId"] += item + bracket
                if self.words.is_old:
                    _wrap_chunk(payload, outer)
            case ev.StepProgress():
                payload["iterationStatus"] = "success" if event.status == "success" else "failed"
            case ev.Finish() if "output" in payload:
                counts = payload["output"]["usage"]
                payload["output"] = {"usage": {k: counts[k] for k in sorted(self.flavour.usage)}}

    def _add_error(self, payload: dict[str, Any], event: ev.Event) -> None:
        error = getattr(event, "error", None)
        if error is None:
            return
        recorded = self.words.error(error, self.memory.chosen)
        if isinstance(event, ev.Finish) and "metadata" in payload:
            message = recorded["$error"]["message"]
            payload["metadata"] = {"error": recorded, "errorMessage": message}
        else:
            payload |= _failure(error, self.words, self.memory)

    def _shown(self, id: str, seen: Seen) -> Any:
        return _unset(let_through(seen.input, self.schemas.get(id)))


def _wrap_chunk(payload: dict[str, Any], outer: list[str]) -> None:
    """Make a chunk from nested workflows what the old engine does: one event in another."""
    for name in reversed(outer):
        kept = {key: payload[key] for key in ("output", "runId", "stepName")}
        envelope = {"type": "workflow-step-output", "runId": kept["runId"], "from": "USER"}
        payload |= {"output": {**envelope, "payload": kept}, "stepName": name}


def _failure(error: BaseException, words: Words, memory: Memory) -> dict[str, Any]:
    """Return the keys that tell an error."""
    told: dict[str, Any] = {"error": words.error(error, memory.chosen)}
    if isinstance(error, NonRetryableError) and not words.is_old:
        told["nonRetryable"] = True
    return told


def _unset(value: Any) -> Any:
    return _NOTHING if value is UNDEFINED else plain(value)


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nothing(item) for key, item in value.items() if item != _NOTHING}
    if isinstance(value, list):
        return [None if item == _NOTHING else _without_nothing(item) for item in value]
    return value


# ---------------------------------------------------------------- results
def result_to_recorded(
    result: RunResult[Any],
    words: Words,
    memory: Memory | None = None,
    *,
    schemas: Mapping[str, Schema] | None = None,
    with_state: bool = False,
    in_hook: bool = False,
) -> dict[str, Any]:
    """Return a result as the cases have it.

    Args:
      result: What the run gave back.
      words: How the recorded engine tells errors.
      memory: What the events of the run said.
      schemas: As in `Translator`.
      with_state: Whether the state was asked for.
      in_hook: Whether it is what a hook is told, and not what the caller gets.
    """
    memory = memory or Memory()
    error = result.error and words.error(result.error, memory.chosen)
    if error and not memory.step_failed and not words.is_old and not in_hook:
        return {"$rejected": error}  # only steps can fail there; anything else is an exception
    records = {
        id: _record(record, words, memory, schemas or {})
        for id, record in result.steps.items()
        if "/" not in record.address  # what is nested only the events tell
    }
    shown_input = let_through(result.input, (schemas or {}).get(""))
    recorded = {
        "status": result.status,
        "runId": result.run_id,
        "input": shown_input,
        "steps": {"input": shown_input, **records},
        "result": result.result if result.status == "success" else UNDEFINED,
        "error": error or UNDEFINED,
        "state": result.state if with_state else UNDEFINED,
        **_suspension(result),
    }
    return dict(plain(recorded))


def _suspension(result: RunResult[Any]) -> dict[str, Any]:
    if result.status != "suspended":
        return {}
    return {
        "suspended": list(map(list, result.suspended)),
        "suspendPayload": result.suspend_payload,
    }


def _status(record: StepRecord) -> str:
    """Return what the recorded engine calls the status of a step."""
    if record.status == "canceled" and record.kind in ("sleep", "wait"):
        return "waiting"  # it just leaves them where they were
    return "success" if record.status == "bailed" else record.status


def _record(
    record: StepRecord, words: Words, memory: Memory, schemas: Mapping[str, Schema]
) -> dict[str, Any]:
    seen = memory.calls.get(record.address, Seen())
    value = seen.input if seen.early is not None else record.input
    recorded: dict[str, Any] = {
        "status": _status(record),
        "payload": let_through(value, schemas.get(record.id)),
        "startedAt": record.started_at,
        "endedAt": UNDEFINED if record.ended_at is None else record.ended_at,
    }
    if record.status in ("success", "bailed"):
        recorded["output"] = record.output
    if record.error is not None:
        recorded |= _failure(record.error, words, memory)
        if record.kind == "foreach" and not words.is_old:
            recorded["suspendPayload"] = {}  # holds what that engine needs to go on with it
    if record.iteration is not None:
        recorded["metadata"] = {"iterationCount": record.iteration}
    if record.resumed_at is not None:
        recorded |= {"resumePayload": record.resume_data, "resumedAt": record.resumed_at}
    if record.suspended_at is not None:
        recorded |= {"suspendPayload": record.suspend_payload, "suspendedAt": record.suspended_at}
    return recorded
