"""Engines with worker processes, and steps that run in them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from trioflow_process import ProcessRunner

from process_steps import tools
from trioflow import Engine, RunResult, Step, Workflow, open_engine
from trioflow.testing import assert_no_leaks


@asynccontextmanager
async def open_workers(workers: int = 1, **options: Any) -> AsyncGenerator[Engine, None]:
    """Open an engine with the given number of workers, and the tools that steps call by id."""
    runners = {"process": ProcessRunner(workers)}
    known: list[Any] = [tools.shout, tools.ask_boss, tools.give_lock]
    with assert_no_leaks():
        async with open_engine(plugins=[], runners=runners, tools=known, **options) as engine:
            yield engine


def workflow(step: Step[Any, Any], **options: Any) -> Workflow[Any, Any]:
    """Return a workflow of one step."""
    return Workflow[Any, Any]("w", **options).then(step)


async def start(engine: Engine, step: Step[Any, Any], value: Any = None) -> RunResult[Any]:
    """Run one step."""
    return await engine.create_run(workflow(step)).start(value)


def is_alive(pid: int) -> bool:
    """Return whether a process with this id exists."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def is_running(pid: int) -> bool:
    """Return whether a process that need not be our child runs, and is not dead and forgotten."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, check=False)
    return done.stdout.strip()[:1] not in (b"", b"Z")
