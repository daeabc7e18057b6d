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
"""Who cancels: ``run.cancel()``, a cancel scope of the caller, or leaving the stream."""
Point = Literal["task step", "event"]
"""What is counted: the turns that tasks get, and the events of the run."""

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
    """Run a workflow again and again and cancel it at the 1st, 2nd, ... n-th point.

    First the points are the task steps, that is what Trio runs between two schedule points:
    there a cancellation can come from other tasks. Then they are the events: what cancels
    in the moment of an event is noticed at the next checkpoint, be it a schedule point or
    not. Each run has a `VirtualClock` of its own.

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
      AssertionError: or what else goes wrong, for the first point at which something does;
        ``trio.TooSlowError`` if the run does not end. Notes say which point that was, where in
        the program it is, and which events were around it.
      RuntimeError: if it is called inside of `trio.run`.
    """
    if trio.lowlevel.in_trio_run():
        raise RuntimeError(
            "fuzz_cancel() calls trio.run() again and again; call it from a plain def"
        )
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
    raise AssertionError("unreachable: every run comes to an end")


@attrs.define(eq=False)
class _Trap:
    """Cancels a run when it comes to the point with a number, counted from 1."""

    point: Point
    number: int
    passed: int = 0
    """How many points the run has come to."""
    where: str = ""
    sprung: bool = False
    events: Sequence[ev.Event] = ()
    """The events of the run."""
    mark: int = 0
    """Position of the last one before it sprang."""
    run: Run[Any, Any] | None = None
    cancel: Callable[[], object] | None = None

    def set(self, run: Run[Any, Any], cancel: Callable[[], object]) -> None:
        """Cancel this run, with this function."""
        self.run, self.cancel = run, cancel

    def pass_point(self, point: Point, task: trio.lowlevel.Task) -> None:
        """Count a point, if it is one of those that count."""
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
        """Return where it sprang, and the events around that."""
        if not self.sprung:
            return f"the run was not canceled: it has not come to {self.point} {self.number}"
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
    # The others may come too late: the run may end before it comes to a checkpoint.
    if trap.sprung and by == "run":
        assert run.status == "canceled", f"the run was canceled but says {run.status}"


async def _drive(
    run: Run[Any, Any], input_data: Any, by: By, trap: _Trap, answers: Mapping[str, Any]
) -> None:
    """Run and read, until the end or until the trap is sprung."""
    with trio.CancelScope() as scope:
        async with run.stream(input_data) as stream:
            with trio.CancelScope() as reading:
                trap.set(
                    run, {"run": run.cancel, "scope": scope.cancel, "leaving": reading.cancel}[by]
                )
                async for event in stream:
                    answer(run, event, answers)
