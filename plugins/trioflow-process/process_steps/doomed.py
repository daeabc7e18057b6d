"""A program that is killed while bodies of all kinds run in its workers.

``python -m process_steps.doomed`` prints a line for each body that has begun, and never ends.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from typing import Any

import trio
from trioflow_process import ProcessRunner

from trioflow import StepContext, Workflow, open_engine, step

BUSY = "while True: pass"


def say(what: str) -> None:
    os.write(1, f"{what}\n".encode())


@step(runner="process")
def spin(_: Any) -> None:
    """Compute without looking at anything."""
    say("spin")
    while True:
        pass


@step(runner="process")
def hold_the_gil(_: Any) -> None:
    """Compute in C, so that no other thread of the worker runs."""
    say("hold_the_gil")
    re.match("(a|a|b?)*c", "a" * 60)


@step(runner="process")
def have_children(_: Any) -> None:
    """Wait for a child process that computes, which has another one."""
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY!r}])"
    with subprocess.Popen([sys.executable, "-c", nested]):
        say("have_children")


@step(runner="process")
def wait(_: Any, ctx: StepContext[Any]) -> None:
    """Wait for the engine."""
    say("wait")
    trio.from_thread.run(ctx.wait_for, "never")


@step(runner="process")
def come_and_go(_: Any) -> None:
    """Be idle most of the time."""
    say("come_and_go")


@step(runner="process")
def sleep(_: Any) -> None:
    """Sleep."""
    say("sleep")
    time.sleep(600)


BODIES = {body.id: body for body in (spin, hold_the_gil, have_children, wait, come_and_go, sleep)}


async def main(names: list[str]) -> None:
    workflow = Workflow[Any, Any]("doomed").parallel(*(BODIES[name] for name in names))
    async with open_engine(plugins=[], runners={"process": ProcessRunner(len(names))}) as engine:
        while True:
            await engine.create_run(workflow).start(None)


if __name__ == "__main__":
    trio.run(main, sys.argv[1:])
