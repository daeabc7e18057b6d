"""Routes that only the client of the generation before uses."""

from __future__ import annotations

import json
from typing import Any

import attrs
from starlette.responses import Response

from trioflow import RunRecord
from trioflow import events as ev
from trioflow_server.answers import message
from trioflow_server.calls import Call
from trioflow_server.compat.feed import MEDIA_TYPE, RECORD_END
from trioflow_server.compat.resume import named_run
from trioflow_server.finding import find_in
from trioflow_server.problems import Problem
from trioflow_server.sending import Emit, StreamAnswer
from trioflow_server.values import dump, milliseconds


async def send_event(call: Call) -> Response:
    """Send a named event to a run. It is durable when this has answered."""
    run_id = call.path("run_id")
    found = await find_in(call, run_id)
    given = await call.body()
    if found.is_pending:
        raise Problem(409, "The run has not started", "run-not-started")
    await call.service.engine.send_event(
        found.actual_id, given["event"], given.get("data"), by=call.by
    )
    return message("Workflow run event sent")


async def watch(call: Call) -> Response:
    """Send the state of a run each time that a step begins or ends."""
    found = await named_run(call)
    if found.is_pending:
        raise Problem(409, "The run has not started", "run-not-started")
    watching = Watching(call, found.run_id, found.actual_id)
    return StreamAnswer(call, watching.produce, MEDIA_TYPE, RECORD_END, b"")


@attrs.define(eq=False)
class Watching:
    """One stream of states."""

    call: Call
    run_id: str
    actual_id: str
    record: RunRecord = attrs.field(factory=RunRecord)

    async def produce(self, emit: Emit) -> None:
        """Emit the states."""
        async with self.call.service.engine.observe(self.actual_id, until="finished") as stream:
            async for event in stream:
                self.record.apply(event)
                if isinstance(event, ev.StepStart | ev.StepResult | ev.StepSuspended | ev.Finish):
                    await emit(_twice(self._state(event)) + RECORD_END)

    def _state(self, event: ev.Event) -> dict[str, Any]:
        steps = self.call.service.recorder.steps(self.record, nested=True)
        payload: dict[str, Any] = {
            "workflowState": {"status": self.record.status, "steps": steps, "result": None}
        }
        if self.record.status == "success":
            payload["workflowState"]["result"] = self.call.service.shower.value(self.record.output)
        if self.record.error is not None:
            error = self.call.service.shower.error(self.record.error)
            payload["workflowState"]["error"] = error
        if isinstance(event, ev.StepEvent) and event.id in steps:
            payload["currentStep"] = {"id": event.id, **steps[event.id]}
        return {
            "type": "watch",
            "payload": payload,
            "eventTimestamp": milliseconds(event.at),
            "runId": self.run_id,
        }


def _twice(value: Any) -> bytes:
    """Return JSON text inside of a JSON string, as the old server wrote it."""
    return dump(json.dumps(json.loads(dump(value))))
