"""The code that runs in a worker: run one body, and return its outcome.

The body runs in a thread of the worker's Trio loop. So it can do everything that a blocking
body can do in the run's process: ``trio.from_thread.run(ctx.write, chunk)`` works in both.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import attrs
import trio

from trioflow.context import BlockingStepContext
from trioflow_process.link import Link, Stop
from trioflow_process.logs import Levels, forwarded_logs
from trioflow_process.loop import LOOP
from trioflow_process.packing import PackedError, pack_error
from trioflow_process.pickling import (
    dumps_or_blame,
    enter_context,
    leave_context,
    loads_or_blame,
)
from trioflow_process.remote import CallFacts, RemoteCall


@attrs.frozen
class Job:
    """One body to run."""

    facts: CallFacts
    address: str
    """Path of the socket on which the run listens."""
    levels: Levels
    content: bytes
    """Function, arguments and keyword arguments; pickled."""


@attrs.frozen
class Returned:
    """The body returned."""

    content: bytes
    """The output, pickled."""


@attrs.frozen
class Raised:
    """The body, or the code that calls it, raised an exception."""

    error: PackedError


@attrs.frozen
class Stopped:
    """The body called ``ctx.suspend`` or ``ctx.bail``, or the run interrupted it."""

    method: str
    content: bytes
    """The arguments of that call, pickled."""


Outcome = Returned | Raised | Stopped


def run_job(packed: bytes) -> bytes:
    """Run the body of a pickled `Job`, and return its pickled `Outcome`. Called in the worker."""
    job: Job = pickle.loads(packed)
    link = Link(job.address, job.facts.step_id)
    job.levels.apply()
    enter_context(BlockingStepContext[Any](RemoteCall(job.facts, link)))
    try:
        with forwarded_logs(link.tell):
            outcome = _run(job)
    finally:
        leave_context()
        link.close()
    return pickle.dumps(outcome, pickle.HIGHEST_PROTOCOL)


def _run(job: Job) -> Outcome:
    step = job.facts.step_id
    try:
        call = loads_or_blame(job.content, "input", step)
        outcome: Outcome = LOOP.run(trio.to_thread.run_sync, _call, step, *call)
    except BaseException as exc:
        return Raised(pack_error(exc))
    return outcome


def _call(
    step: str, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Outcome:
    try:
        result = fn(*args, **kwargs)
    except Stop as stop:
        what = f"what ctx.{stop.method}() was given"
        return Stopped(stop.method, dumps_or_blame(stop.values, what, step))
    return Returned(dumps_or_blame(result, "result", step))
