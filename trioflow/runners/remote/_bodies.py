"""Run bodies on behalf of their runs, in another process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from contextvars import copy_context
from functools import partial
from typing import Any

from trioflow.abc import BodyInfo
from trioflow.context import BlockingStepContext, StepContext
from trioflow.runners.remote._calls import RemoteCall
from trioflow.runners.remote._forwarding import Forwarding
from trioflow.runners.remote._levels import Levels
from trioflow.runners.remote._link import Line, Link, Stop
from trioflow.runners.remote._loop import LOOP
from trioflow.runners.remote._messages import Begun, Job, Outcome, Raised, Returned, Stopped
from trioflow.runners.remote._packing import pack_error, without_interrupts
from trioflow.runners.remote._pickling import (
    dumps_or_blame,
    enter_context,
    leave_context,
    loads_or_blame,
)
from trioflow.runners.remote._undoing import Settings
from trioflow.runners.remote._window import Window

Around = Callable[[], AbstractContextManager[object]]


class Bodies:
    """Runs one body after the other in this process, which must do nothing else.

    Log records go to the runs, and what a body changes in the process is undone after it.
    """

    def __init__(self, line: Line, around: Around = nullcontext) -> None:
        """Prepare the process. There is one instance for its whole life.

        Args:
          line: The connection to the runs.
          around: Makes what is entered around each body, in its thread.
        """
        self._line = line
        self._around = around
        self._forwarding = Forwarding()
        self._settings = Settings()
        self._levels = Levels.here()
        self._forwarding.install()

    def run(self, job: Job, contents: list[Any]) -> tuple[Outcome, bytes]:
        """Run the body of a job in this thread, and return its outcome with its content.

        It raises nothing: whatever the body raises is its outcome. When it returns, the body can
        no longer send anything.

        Args:
          contents: The content of the job as its last item, which is taken out, because it may be
            large.
        """
        link = self._forwarding.link = Link(self._line, job.facts.step_id)
        window = Window(link, job.window) if job.window > 1 else None
        context = StepContext[Any] if job.is_async else BlockingStepContext[Any]
        enter_context(context(RemoteCall(job.facts, link, window)))
        # Its context variables are gone with it.
        outcome, result = copy_context().run(self._outcome_of, job, contents, link, window)
        leave_context()
        self._forwarding.end()
        link.close()
        return outcome, result

    def _outcome_of(
        self, job: Job, contents: list[Any], link: Link, window: Window | None
    ) -> tuple[Outcome, bytes]:
        step = job.facts.step_id
        method, result, error = "", b"", None
        try:
            call = self._load(job, contents, step)
            if job.reports:
                link.tell(Begun())
            method, result = self._call(job, *call)
            if window is not None:
                window.finish()
        except BaseException as exc:
            error = pack_error(without_interrupts(exc))
            if window is not None and not isinstance(exc, KeyboardInterrupt):
                with suppress(BaseException):  # the first error is the one that matters
                    window.finish()
        is_clean = self._settings.restore()
        if error is not None:
            return Raised(is_clean, error), b""
        return (Stopped(is_clean, method) if method else Returned(is_clean)), result

    def _load(self, job: Job, contents: list[Any], step: str) -> Any:
        """Return function, arguments and current step, and import what they need."""
        if job.levels is not None:
            self._levels = job.levels
            self._levels.apply()
        modules = len(sys.modules)
        call = loads_or_blame(contents.pop(), "input", step)
        if len(sys.modules) != modules:
            self._levels.apply()  # a module may have set others
        self._settings.note(changed=job.levels is not None)
        return call

    def _call(
        self,
        job: Job,
        fn: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        body: BodyInfo | None,
    ) -> tuple[str, bytes]:
        """Return how the body has ended: the method that it called last, if any, and its values."""
        step = job.facts.step_id
        tracked: AbstractContextManager[Any] = nullcontext()
        if body is not None:
            from trioflow.instruments import StepTracker  # takes long, and most engines have none

            tracked = StepTracker().around_body(body)
        try:
            with self._around(), tracked:
                call = partial(fn, *args, **kwargs)
                result = LOOP.run(call) if job.is_async else call()
        except Stop as stop:
            what = f"what ctx.{stop.method}() was given"
            return stop.method, dumps_or_blame(stop.values, what, step)
        return "", dumps_or_blame(result, "result", step)
