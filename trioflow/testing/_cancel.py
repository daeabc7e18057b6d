"""Cancel a run at every point at which it can be canceled."""

from __future__ import annotations

import itertools
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Literal

import attrs
import trio

from trioflow import events as ev
from trioflow.engine import open_engine
from trioflow.run import Run
from trioflow.testing._clock import VirtualClock
from trioflow.testing._faults import excerpt
from trioflow.testing._grammar import check_events
from trioflow.testing._leaks import assert_no_leaks
from trioflow.testing._mirror import Mirror
from trioflow.testing._recording import answer
from trioflow.workflow import Workflow

By = Literal["run", "scope", "leaving"]
"""How to cancel: ``run.cancel()``, a cancel scope of the caller, or leaving the stream."""
Point = Literal["task step", "event"]
"""What to count: the steps that Trio runs of tasks, or the events of the run."""

ENDLESS = 1e12
"""Seconds; a virtual clock reaches this time only if nothing else can ever happen."""


def fuzz_cancel(
    workflow: Workflow[Any, Any],
    input_data: Any = None,
    *,
    by: By = "run",
    answers: Mapping[str, Any] | None = None,
    **engine: Any,
) -> int:
    """Run a workflow repeatedly and cancel it at the 1st, 2nd, ... n-th point.

    In a first pass the points are the task steps, which Trio runs between two schedule points;
    there, other tasks can cancel. In a second pass they are the events; a cancellation during an
    event takes effect at the next checkpoint, whether or not that is a schedule point. Each run
    has its own `VirtualClock`.

    Each time, the events must follow the grammar with exactly one finish, the run must be
    canceled, the fold must equal the run's record after each event, and nothing may leak.

    Args:
      workflow: The workflow.
      input_data: Its input.
      by: How to cancel.
      answers: Data of named events; each is sent once whenever a call waits for its name.
      engine: Options for `open_engine`, such as ``limits``; by default without plugins.

    Returns:
      The number of points at which the run was canceled.

    Raises:
      AssertionError: or whatever the run raises, for the first point that fails;
        ``trio.TooSlowError`` if the run does not end. The notes describe the point, its
        location in the program, and the events around it.
      RuntimeError: if it is called inside `trio.run`.
    """
    if trio.lowlevel.in_trio_run():
        raise RuntimeError("fuzz_cancel() calls trio.run() itself; call it from a plain def")
    answers = answers or {}
    points: tuple[Point, ...] = ("task step", "event")
    return sum(_fuzz(workflow, input_data, by, point, answers, engine) for point in points)


def _fuzz(
    workflow: Workflow[Any, Any],
    input_data: Any,
    by: By,
    point: Point,
    answers: Mapping[str, Any],
    engine: Mapping[str, Any],
) -> int:
    for n in itertools.count(1):
        trap = _Trap(point, n)
        once = partial(_run, workflow, input_data, by, trap, answers, engine)
        try:
            trio.run(once, clock=VirtualClock())
        except BaseException as exc:
            exc.add_note(trap.describe(by))
            raise
        if not trap.sprung:
            return n - 1
    raise AssertionError("unreachable: every run ends")


@attrs.define(eq=False)
class _Trap:
    """Cancels a run when it reaches the point with the given number, counted from 1."""

    point: Point
    number: int
    passed: int = 0
    """Number of points that the run has reached."""
    where: str = ""
    sprung: bool = False
    events: Sequence[ev.Event] = ()
    """The events of the run."""
    mark: int = 0
    """Index of the last event before the trap was sprung."""
    run: Run[Any, Any] | None = None
    cancel: Callable[[], object] | None = None

    def set(self, run: Run[Any, Any], cancel: Callable[[], object]) -> None:
        """Set the run to cancel, and the function that cancels it."""
        self.run, self.cancel = run, cancel

    def pass_point(self, point: Point, task: trio.lowlevel.Task) -> None:
        """Count a point if it is of the counted kind and the run is running."""
        if point != self.point or self.run is None or self.run.status != "running":
            return
        self.passed += 1
        if self.passed == self.number and self.cancel is not None:
            self.sprung = True
            self.mark = len(self.events) - 1
            self.cancel()
            stack = traceback.StackSummary.extract(task.iter_await_frames())
            self.where = f"in task {task.name}\n{''.join(stack.format())}"

    def describe(self, by: By) -> str:
        """Return where the trap was sprung, and the events around that point."""
        if not self.sprung:
            return f"the run was not canceled: it did not reach {self.point} {self.number}"
        listing = "\n".join(excerpt(self.events, (self.mark,)))
        return f"canceled by {by} at {self.point} {self.number}, {self.where}\n{listing}"


@attrs.frozen
class _TaskSteps(trio.abc.Instrument):
    trap: _Trap

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.trap.pass_point("task step", task)


class _Events(Mirror):
    def __init__(self, trap: _Trap) -> None:
        super().__init__()
        self._trap = trap

    def on_event(self, event: ev.Event) -> None:
        super().on_event(event)
        self._trap.pass_point("event", trio.lowlevel.current_task())


async def _run(
    workflow: Workflow[Any, Any],
    input_data: Any,
    by: By,
    trap: _Trap,
    answers: Mapping[str, Any],
    engine_options: Mapping[str, Any],
) -> None:
    """Run the workflow once, spring the trap, and check everything."""
    trio.lowlevel.add_instrument(_TaskSteps(trap))
    mirror = _Events(trap)
    trap.events = mirror.events
    options = {**engine_options, "plugins": [mirror, *engine_options.get("plugins", ())]}
    with assert_no_leaks(), trio.fail_after(ENDLESS):
        async with open_engine(**options) as engine:
            run = engine.create_run(workflow)
            mirror.watch(run)
            await _drive(run, input_data, by, trap, answers)
    mirror.check()
    check_events(mirror.events, workflow)
    # The other ways may come too late: the run may end before its next checkpoint.
    if trap.sprung and by == "run":
        assert run.status == "canceled", f"the run was canceled, but its status is {run.status}"


async def _drive(
    run: Run[Any, Any], input_data: Any, by: By, trap: _Trap, answers: Mapping[str, Any]
) -> None:
    """Run the workflow and read its events until it ends or the trap is sprung."""
    with trio.CancelScope() as scope:
        async with run.stream(input_data) as stream:
            with trio.CancelScope() as reading:
                trap.set(
                    run, {"run": run.cancel, "scope": scope.cancel, "leaving": reading.cancel}[by]
                )
                async for event in stream:
                    answer(run, event, answers)
