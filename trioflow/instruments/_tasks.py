"""Shows what a run is doing: its tasks, and what each of them waits for."""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

import attrs
import trio

from trioflow._engine.history.suspensions import suspensions
from trioflow._engine.life.life import Life
from trioflow.instruments._stacks import drives, frames_of, place_of, user_frame
from trioflow.instruments._waits import describe_wait
from trioflow.run import Run


def dump(run: Run[Any, Any]) -> str:
    """Return the tree of a run's tasks and what each of them waits for, as printable text.

    For each task, it shows the step call that the task itself makes, if any; what it waits for
    (an event, a lock, the end of a sleep, a thread, room in a reader's buffer, ...); and the
    line of the innermost function that belongs neither to trioflow nor to a library. The
    nurseries that a task has opened are shown below it, with the tasks in them.

    Works at any time and changes nothing. Call it from any task, from a step of the run itself,
    from a signal handler, or in a debugger: ``print(dump(run))``. It may also be called from
    another thread; then the run may change meanwhile, and cancellation is not shown. A task that
    was woken but has not been scheduled yet is shown as still waiting.

    Args:
      run: The run, with any status.
    """
    return "\n".join([_headline(run), *_waits_of_run(run), *_tasks_of_run(run._life)])


def _headline(run: Run[Any, Any]) -> str:
    text = f"run {run.run_id} of workflow {run.workflow_id!r}: {run.status}"
    # Cancel scopes can be inspected only in the thread of the loop.
    is_known = trio.lowlevel.in_trio_run() and run.status == "running"
    return f"{text}, being canceled" if is_known and run._life.core.is_canceled else text


def _waits_of_run(run: Run[Any, Any]) -> Iterator[str]:
    """Yield what a run waits for while none of its tasks runs."""
    match run.status:
        case "pending":
            yield "  waits for run.start()"
        case "paused":
            yield "  waits for run.resume()"
        case "suspended":
            for suspension in suspensions(run.record):
                yield f"  waits for an answer to step {suspension}"
        case "running" if run._life.driver is None:
            yield "  is running in another process, or is about to continue here"


def _tasks_of_run(life: Life) -> Iterator[str]:
    driver = life.driver
    if driver is None:
        return
    frames = _inside(life, frames_of(driver.task))
    yield from _Task(driver.task, frames, driver.nurseries, life).lines("  ")


def _inside(life: Life, frames: Sequence[FrameType]) -> Sequence[FrameType]:
    """Return those frames of the task that drives a run which belong to the run."""
    own = [index for index, driven in drives(frames) if driven is life]
    return frames[own[0] :] if own else frames


@attrs.frozen
class _Task:
    """A task of a run."""

    task: trio.lowlevel.Task
    frames: Sequence[FrameType]
    """The frames that belong to the run."""
    outside: int
    """Number of the task's nurseries that do not belong to the run."""
    life: Life

    def lines(self, indent: str) -> Iterator[str]:
        """Yield the lines about the task and its nurseries."""
        yield f"{indent}task {self.task.name}{self._place()}"
        yield f"{indent}  {self._activity()}"
        frame = user_frame(self.frames)
        if frame is not None:
            yield from _source(frame, f"{indent}  ")
        for nursery in self.task.child_nurseries[self.outside :]:
            is_known = trio.lowlevel.in_trio_run()
            canceled = ", canceled" if is_known and nursery.cancel_scope.cancel_called else ""
            yield f"{indent}  nursery{canceled}"
            children = [self._child(task).lines(f"{indent}    ") for task in nursery.child_tasks]
            for lines in sorted(map(list, children)):  # in a deterministic order
                yield from lines

    def _child(self, task: trio.lowlevel.Task) -> _Task:
        return _Task(task, frames_of(task), 0, self.life)

    def _place(self) -> str:
        place = place_of(self.frames)
        call = place.call
        if call is None:
            return ""
        attempt = f", attempt {call.attempt}" if call.attempt > 1 else ""
        run_id = self.life.run_id
        run = "" if call.run_id == run_id else f" of run {call.run_id}"
        return f", in {place.step.rstrip(',')} at {call.address}{run}{attempt}"

    def _activity(self) -> str:
        match inspect.getcoroutinestate(self.task.coro):
            case inspect.CORO_RUNNING:
                return "is running"
            case inspect.CORO_CREATED:
                return "is about to start"
        return describe_wait(self.frames, self.life.environment.limits.limiters)


def _source(frame: FrameType, indent: str) -> Iterator[str]:
    """Yield the location of a frame, in the format of tracebacks."""
    file, line = frame.f_code.co_filename, frame.f_lineno
    yield f'{indent}File "{file}", line {line}, in {frame.f_code.co_qualname}'
    text = linecache.getline(file, line, frame.f_globals).strip()
    if text:
        yield f"{indent}  {text}"
