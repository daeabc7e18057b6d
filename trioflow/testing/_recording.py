"""Runs a workflow and records its events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trioflow import events as ev
from trioflow.run import Run
from trioflow.workflow import Workflow


async def record(
    workflow: Workflow[Any, Any] | Run[Any, Any],
    input_data: Any = None,
    *,
    answers: Mapping[str, Any] | None = None,
    **options: Any,
) -> list[ev.Event]:
    """Run a workflow and return all events of the run.

    Args:
      workflow: A workflow, or a run of one that an engine has created.
      input_data: The input.
      answers: Data of named events; each is sent once whenever a call waits for its name.
      options: Options of `Run.stream`.

    Raises:
      InvalidValueError: if input or state do not fit the workflow's types. A failing step does
        not raise; see the events.

    **Cancellation**: cancels the run and waits for its clean-up.

    **Checkpoints**: always.
    """
    run = workflow.create_run() if isinstance(workflow, Workflow) else workflow
    events: list[ev.Event] = []
    async with run.stream(input_data, **options) as stream:
        async for event in stream:
            events.append(event)
            answer(run, event, answers or {})
    return events


def answer(run: Run[Any, Any], event: ev.Event, answers: Mapping[str, Any]) -> None:
    """Send the named event that a step-waiting *event* waits for, if there is an answer."""
    name = event.event if isinstance(event, ev.StepWaiting) else None
    if name is not None and name in answers and run.status == "running":
        run.send_event(name, answers[name])
