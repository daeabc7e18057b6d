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


@step
async def start_child(folder: str, ctx: StepContext[object]) -> str:
    """Start a run of `child`."""
    return await ctx.start_run("child", folder)


@step
async def take_time(folder: str) -> str:
    """Note the begin, and after some time the end."""
    (Path(folder) / "begun").touch()
    await trio.sleep(0.5)
    (Path(folder) / "ended").touch()
    return folder


@step(runner="ray")
def note_far(folder: str) -> int:
    """Return the process in which a body of a worker's run is."""
    return os.getpid()


hosted = Workflow("hosted", input=str).then(note).then(note.clone("again"))
far = Workflow("far", input=str, output=int).then(note_far)
parent = Workflow("parent", input=str, output=str).then(start_child)
child = Workflow("child", input=str, output=str).then(take_time)
