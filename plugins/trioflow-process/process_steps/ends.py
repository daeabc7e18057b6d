"""Bodies that are killed, or that end their worker process."""

from __future__ import annotations

import os
import signal
import subprocess
import warnings
from typing import Any

import trio
from trioflow_process import WorkerCrashedError

from process_steps.output import log
from trioflow import Retry, StepContext, step


@step(runner="process")
def spin(_: Any, ctx: StepContext[Any]) -> None:
    """Report the process id, and keep a CPU busy forever."""
    log.warning("spinning")
    trio.from_thread.run(ctx.write, os.getpid())
    while True:
        pass


@step(runner="process", timeout=0.3)
def spin_for_a_while(_: Any) -> None:
    """Keep a CPU busy until the timeout."""
    while True:
        pass


@step(runner="process")
def crash(code: int) -> None:
    """End the worker during the step."""
    log.warning("about to crash")
    if code < 0:
        os.kill(os.getpid(), -code)
    os._exit(code)


@step(runner="process", retry=Retry(attempts=3, on=(WorkerCrashedError,)))
def crash_twice(value: int, ctx: StepContext[Any]) -> list[int]:
    """Crash in all attempts except the third."""
    if ctx.attempt < 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return [value, ctx.attempt]


@step(runner="process")
def fork(_: Any, ctx: StepContext[Any]) -> int:
    """Fork a process that keeps all open files, and return its id."""
    trio.from_thread.run(ctx.write, "about to fork")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # about forking with threads
        pid = os.fork()
    if pid == 0:
        signal.pause()
    return pid


@step(runner="process")
def return_twice(value: int) -> int:
    """Fork a process that returns as well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # about forking with threads
        pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
    return value


@step(runner="process")
def start_child(how: str, ctx: StepContext[Any]) -> None:
    """Start a child process, report its id, and wait."""
    child = subprocess.Popen(["sleep", "600"], start_new_session=how == "session")
    trio.from_thread.run(ctx.write, child.pid)
    child.wait()
