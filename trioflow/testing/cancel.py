"""Cancel a run at every point at which it can be canceled."""

from __future__ import annotations

import itertools
import traceback
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

import trio
from trio.testing import MockClock

from trioflow.api import open_engine
from trioflow.engine.run import Run
from trioflow.testing.grammar import check_events
from trioflow.testing.leaks import assert_no_leaks
from trioflow.testing.mirror import Mirror
from trioflow.testing.recording import answer
from trioflow.workflow import Workflow

By = Literal["run", "scope", "leaving"]
"""Who cancels: ``run.cancel()``, a cancel scope of the caller, or leaving the stream."""

ENDLESS = 1e12
"""A time that virtual clocks reach only if nothing else will ever happen, in seconds."""


def fuzz_cancel(
    workflow: Workflow[Any, Any],
    input_data: Any = None,
    *,
    by: By = "run",
    answers: Mapping[str, Any] | None = None,
    **engine: Any,
) -> int:
    """Run a workflow again and again and cancel it at the 1st, 2nd, ... n-th task step.

    A task step is what Trio runs between two schedule points, so these are all the points at
    which a cancellation can come from outside. Each run has a virtual clock of its own; so
    steps must not use threads.

    Each time the events must follow the grammar with exactly one finish, the run must be
    canceled, its fold must be its state after each event, and nothing may be left behind.

    Args:
      workflow: The workflow.
      input_data: Its input.
      by: Who cancels.
      answers: Data of named events; each is sent once whenever a call waits for its name.
      engine: Options for `open_engine`, such as ``limits``; no plugins if not given.

    Returns:
      At how many points it was canceled.

    Raises:
      AssertionError: or what else goes wrong, for the first point at which something does. A
        note says which one that was, and where in the program it is.
    """
    for n in itertools.count(1):
        canceler = _Canceler(n)
        attempt = partial(_run, workflow, input_data, by, canceler, answers or {}, engine)
        try:
            trio.run(attempt, clock=MockClock(autojump_threshold=0))
        except BaseException as exc:
            exc.add_note(f"canceled by {by} at task step {n}, where {canceler.where}")
            raise
        if not canceler.called:
            return n - 1
    raise AssertionError("itertools.count has no end")


class _Canceler(trio.abc.Instrument):
    """Counts task steps and calls a function before the n-th."""

    def __init__(self, n: int) -> None:
        self.called = False
        self.where = "the run came to its end"
        self._left = n

    @contextmanager
    def armed(
        self, run: Run[Any, Any], cancel: Callable[[], object]
    ) -> Generator[None, None, None]:
        """Count while *run* is running."""
        self._run, self._cancel = run, cancel
        trio.lowlevel.add_instrument(self)
        try:
            yield
        finally:
            trio.lowlevel.remove_instrument(self)

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        if self._run.status != "running":
            return
        self._left -= 1
        if self._left == 0:
            self.called = True
            self._cancel()
            stack = traceback.StackSummary.extract(task.iter_await_frames())
            self.where = f"task {task.name} goes on at\n{''.join(stack.format())}"


async def _run(
    workflow: Workflow[Any, Any],
    input_data: Any,
    by: By,
    canceler: _Canceler,
    answers: Mapping[str, Any],
    engine_options: Mapping[str, Any],
) -> None:
    mirror = Mirror()
    options = {**engine_options, "plugins": [mirror, *engine_options.get("plugins", ())]}
    with assert_no_leaks(), trio.fail_after(ENDLESS):
        async with open_engine(**options) as engine:
            run = engine.create_run(workflow)
            mirror.watch(run)
            await _drive(run, input_data, by, canceler, answers)
    mirror.check()
    check_events(mirror.events, workflow)
    # The others may come too late: the run may end before it comes to a checkpoint.
    if canceler.called and by == "run":
        assert run.status == "canceled", f"the run was canceled but says {run.status}"


async def _drive(
    run: Run[Any, Any], input_data: Any, by: By, canceler: _Canceler, answers: Mapping[str, Any]
) -> None:
    """Run and read, until the end or until the canceler strikes."""
    with trio.CancelScope() as scope:
        async with run.stream(input_data) as stream:
            with trio.CancelScope() as reading:
                cancel = {"run": run.cancel, "scope": scope.cancel, "leaving": reading.cancel}[by]
                with canceler.armed(run, cancel):
                    async for event in stream:
                        answer(run, event, answers)
