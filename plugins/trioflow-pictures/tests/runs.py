"""Runs for the tests of timelines, recorded in virtual time."""

from __future__ import annotations

from typing import Any

import trio
from trio.testing import MockClock

from trioflow import Workflow, events
from trioflow.testing import record

from .steps import fails, sleeps

HOSTILE = (
    "</script><script>window.pwned = 1</script><img src=x onerror='window.pwned = 1'>&lt;\u2028"
)


def record_now(workflow: Workflow[Any, Any], value: Any = None, **options: Any) -> list[Any]:
    """Run a workflow and return all its events."""

    async def run() -> list[events.Event]:
        return await record(workflow, value, **options)

    return trio.run(run, clock=MockClock(autojump_threshold=0))


def chain_of(length: int) -> Workflow[Any, Any]:
    """Return a workflow of that many steps of a second each."""
    workflow: Workflow[Any, Any] = Workflow("chain")
    for position in range(length):
        workflow = workflow.then(sleeps(1, f"s{position}"))
    return workflow


def hostile_run() -> list[events.Event]:
    """Return the events of a run in which every text would like to be mark-up."""
    id = "<b>\"'&amp;${x}$title"
    step = fails(ValueError(HOSTILE), id=id.replace("/", ""))
    return record_now(Workflow(id).then(step), {HOSTILE: [HOSTILE]})
