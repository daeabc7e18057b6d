"""The program of a worker: run one body after the other, in the main thread."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from contextvars import copy_context
from typing import Any

from trioflow.abc import BodyInfo
from trioflow.context import BlockingStepContext
from trioflow_process.forwarding import Forwarding
from trioflow_process.levels import Levels
from trioflow_process.lifeline import tie_to
from trioflow_process.line import SocketLine
from trioflow_process.link import Link, Stop
from trioflow_process.loop import LOOP
from trioflow_process.messages import Begun, Job, Message, Raised, Returned, Stopped
from trioflow_process.packing import pack_error, without_interrupts
from trioflow_process.pickling import (
    dumps_or_blame,
    enter_context,
    leave_context,
    loads_or_blame,
)
from trioflow_process.remote import RemoteCall
from trioflow_process.undoing import Settings


def work(connected: socket.socket, parent: int, idle_seconds: float) -> None:
    """Run bodies until the run's process closes the worker, or none came for some time."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    tie_to(parent)
    LOOP.start()
    worker = _Worker(SocketLine(connected))
    worker.forwarding.install()
    while (job := worker.line.next_job(idle_seconds)) is not None:
        worker.run(job)
    LOOP.close()


class _Worker:
    def __init__(self, line: SocketLine) -> None:
        self.line = line
        self.forwarding = Forwarding()
        self._settings = Settings()
        self._levels = Levels.here()

    def run(self, frame: list[Any]) -> None:
        """Run a body, and send its outcome."""
        job: Job = frame[0]
        link = self.forwarding.link = Link(self.line, job.facts.step_id)
        enter_context(BlockingStepContext[Any](RemoteCall(job.facts, link)))
        # Its context variables are gone with it.
        outcome, result = copy_context().run(self._outcome_of, job, frame, link)
        leave_context()
        self.forwarding.end()
        link.close(outcome, result)

    def _outcome_of(self, job: Job, frame: list[Any], link: Link) -> tuple[Message, bytes]:
        step = job.facts.step_id
        method, result, error = "", b"", None
        try:
            call = self._load(job, frame, step)
            if job.reports:
                link.tell(Begun())
            method, result = _call(step, *call)
        except BaseException as exc:
            error = pack_error(without_interrupts(exc))
        is_clean = self._settings.restore()
        if error is not None:
            return Raised(is_clean, error), b""
        return (Stopped(is_clean, method) if method else Returned(is_clean)), result

    def _load(self, job: Job, frame: list[Any], step: str) -> Any:
        """Return function, arguments and current step, and import what they need."""
        if job.levels is not None:
            self._levels = job.levels
            self._levels.apply()
        modules = len(sys.modules)
        call = loads_or_blame(frame.pop(), "input", step)
        if len(sys.modules) != modules:
            self._levels.apply()  # a module may have set others
        self._settings.note(changed=job.levels is not None)
        return call


def _call(
    step: str,
    fn: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    body: BodyInfo | None,
) -> tuple[str, bytes]:
    """Return how the body has ended: the method that it called last, if any, and its values."""
    tracked: AbstractContextManager[Any] = nullcontext()
    if body is not None:
        from trioflow.instruments import StepTracker  # takes long, and most engines have none

        tracked = StepTracker().around_body(body)
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with tracked:
                result = fn(*args, **kwargs)
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    except Stop as stop:
        what = f"what ctx.{stop.method}() was given"
        return stop.method, dumps_or_blame(stop.values, what, step)
    return "", dumps_or_blame(result, "result", step)
