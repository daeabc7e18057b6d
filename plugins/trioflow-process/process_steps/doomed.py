"""A program that is killed while bodies of all kinds run in its workers.

``python -m process_steps.doomed`` prints a line for each body that has begun, and never ends.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import warnings
from functools import partial
from typing import Any

import trio
from trioflow_process import ProcessRunner

from trioflow import StepContext, Workflow, events, open_engine, step

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
def write(_: Any, ctx: StepContext[Any]) -> None:
    """Write a chunk, and wait for a child process that computes."""
    with subprocess.Popen([sys.executable, "-c", BUSY]):
        say("write")
        trio.from_thread.run(ctx.write, "begun")


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


BODIES = {
    body.id: body for body in (spin, hold_the_gil, have_children, write, wait, come_and_go, sleep)
}


async def fork() -> None:
    """Fork a process that keeps all open files, those of the workers included."""
    await trio.lowlevel.checkpoint()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # about forking with threads
        pid = os.fork()
    if not pid:
        signal.pause()
    say(str(pid))


async def main(names: list[str], *, forks: bool) -> None:
    workflow = Workflow[Any, Any]("doomed").parallel(*(BODIES[name] for name in names))
    async with (
        open_engine(plugins=[], runners={"process": ProcessRunner(len(names))}) as engine,
        trio.open_nursery() as nursery,
    ):
        while True:
            async with engine.create_run(workflow).stream(None) as stream:
                async for event in stream:
                    if forks and isinstance(event, events.StepOutput):
                        nursery.start_soon(fork)


if __name__ == "__main__":
    forking = "--fork" in sys.argv
    trio.run(partial(main, [name for name in sys.argv[1:] if name in BODIES], forks=forking))
