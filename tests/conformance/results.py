"""Our results in the shape of the recorded ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trioflow import RunResult, StepRecord
from trioflow.addresses import Address

from .memory import Memory, Seen, failure_keys, tripwire_keys
from .messages import Words
from .schemas import Schema, let_through
from .undefined import UNDEFINED, plain


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
        if Address.parse(record.address).scope is None  # what is nested only the events tell
    }
    shown_input = let_through(result.input, (schemas or {}).get(""))
    recorded = {
        "status": result.status,
        "runId": result.run_id,
        "input": shown_input,
        "steps": {"input": shown_input, **records},
        "result": result.output if result.status == "success" else UNDEFINED,
        "error": error or UNDEFINED,
        "state": result.state if with_state else UNDEFINED,
        **_suspension(result, memory),
    }
    tripped = tripwire_keys(result.error, memory)
    if tripped:
        recorded |= {"status": "tripwire", "error": UNDEFINED, **tripped}
    return dict(plain(recorded))


def _suspension(result: RunResult[Any], memory: Memory) -> dict[str, Any]:
    if result.status != "suspended":
        return {}
    shown = {id: memory.suspended(result.steps[id].address) for id in result.suspend_payload}
    ids = {memory.id_of(address) for address in shown.values()}
    return {
        "suspended": [list(path) for path in result.suspended if ".".join(path) in ids],
        "suspendPayload": {id: _spread(memory.waiting[a]) for id, a in shown.items()},
        "resumeLabels": {
            label: {"stepId": path[-1]} for label, path in result.resume_labels.items()
        },
    }


def _spread(payload: Any) -> Mapping[str, Any]:
    """Return a payload as an object, which is how it is shown beside the steps."""
    if isinstance(payload, list | str):
        return {str(index): item for index, item in enumerate(payload)}
    return payload if isinstance(payload, dict) else {}


def _status(record: StepRecord) -> str:
    """Return what the recorded engine calls the status of a step."""
    if record.status == "canceled" and record.kind in ("sleep", "wait"):
        return "waiting"  # it just leaves them where they were
    return "success" if record.status == "bailed" else record.status


def _record(
    record: StepRecord, words: Words, memory: Memory, schemas: Mapping[str, Schema]
) -> dict[str, Any]:
    seen = memory.calls.get(record.address, Seen())
    is_item = seen.early is not None and not seen.was_answered
    value = seen.input if is_item else record.input
    recorded: dict[str, Any] = {
        "status": _status(record),
        "payload": let_through(value, schemas.get(record.id)),
        "startedAt": record.started_at,
        "endedAt": UNDEFINED if record.ended_at is None else record.ended_at,
    }
    if record.status in ("success", "bailed"):
        recorded["output"] = record.output
    if record.error is not None:
        recorded |= failure_keys(record.error, words, memory)
        if record.kind == "foreach" and not words.is_old:
            recorded["suspendPayload"] = {}  # holds what that engine needs to go on with it
    if record.iteration is not None:
        recorded["metadata"] = {"iterationCount": record.iteration}
    if record.iteration is not None and record.resumed_at is None:
        # One record stands for all iterations there, and keeps the answer to an earlier one.
        answered = memory.last_answer(record.address)
        if answered is not None and answered.start is not None:
            recorded |= {
                "resumePayload": answered.start.resume_data,
                "resumedAt": answered.start.at,
            }
    if record.resumed_at is not None:
        recorded |= {"resumePayload": record.resume_data, "resumedAt": record.resumed_at}
    if record.suspended_at is not None:
        payload = record.suspend_payload
        if record.status == "suspended":
            payload = memory.suspend_payload(record.address)
            start = seen.start
            if start is not None and start.step_call_id in memory.outputs and not words.is_old:
                recorded["suspendOutput"] = memory.outputs[start.step_call_id]
        recorded |= {"suspendPayload": payload, "suspendedAt": record.suspended_at} | recorded
    return recorded
