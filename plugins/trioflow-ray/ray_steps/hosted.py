"""A workflow for workers on a cluster."""

from __future__ import annotations

import os
from pathlib import Path

import trio

from trioflow import StepContext, Workflow, step


@step
async def note(folder: str, ctx: StepContext[object]) -> str:
    """Note which process begins which call, and take some time."""
    with (Path(folder) / "notes").open("a") as file:
        file.write(f"{ctx.step_call_id} {os.getpid()}\n")
    await trio.sleep(0.1)
    return folder


@step(runner="ray")
def note_far(folder: str) -> int:
    """Return the process in which a body of a worker's run is."""
    return os.getpid()


hosted = Workflow("hosted", input=str).then(note).then(note.clone("again"))
far = Workflow("far", input=str, output=int).then(note_far)
