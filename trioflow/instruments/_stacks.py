"""Inspects the stacks of tasks: which code their frames run, and which step call they are in."""

from __future__ import annotations

import functools
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from itertools import takewhile
from types import FrameType

import attrs
import trio

from trioflow._engine.life.driving import drive
from trioflow._engine.life.life import Life
from trioflow._engine.running.call import Call
from trioflow._engine.running.tool_calls import ToolCallInProgress

DEBUGGERS = ("bdb", "pydevd", "_pydevd_bundle")
"""Modules that stop a program intentionally."""


# ---------------------------------------------------------------- frames
def frames_of(task: trio.lowlevel.Task) -> list[FrameType]:
    """Return the frames of a task, outermost first. The task may be running, in any thread."""
    if getattr(task.coro, "cr_running", False):
        return _running_frames(task.coro.cr_frame)
    return [frame for frame, _ in task.iter_await_frames()]


def _running_frames(root: FrameType | None) -> list[FrameType]:
    if root is None:  # it has just ended, in another thread
        return []
    for innermost in sys._current_frames().values():
        frames = list(outward(innermost))
        if root in frames:
            return frames[frames.index(root) :: -1]
    return [root]


def outward(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield a frame, its caller, the caller's caller, and so on."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def library_of(frame: FrameType) -> str:
    """Return the top-level package or module that a frame's code belongs to."""
    name: str = frame.f_globals.get("__name__", "")
    return name.partition(".")[0]


def user_frame(frames: Sequence[FrameType]) -> FrameType | None:
    """Return the innermost frame of the user's own code, or else of an installed library.

    Returns None if all frames belong to Trio, trioflow or the standard library. Frames called
    by a debugger are ignored.
    """
    engine = ("trio", "trioflow", *sys.stdlib_module_names)
    debugged = takewhile(lambda frame: library_of(frame) not in DEBUGGERS, frames)
    others = [frame for frame in debugged if library_of(frame) not in engine]
    own = [frame for frame in others if not frame.f_code.co_filename.startswith(_installed())]
    innermost = own[-1:] or others[-1:]
    return innermost[0] if innermost else None


@functools.cache
def _installed() -> tuple[str, ...]:
    return sysconfig.get_path("purelib"), sysconfig.get_path("platlib")


# ---------------------------------------------------------------- places
@attrs.frozen
class Place:
    """The step call and the tool call that some code is in."""

    call: Call | None = None
    tool_call: ToolCallInProgress | None = None

    @property
    def step(self) -> str:
        """A description of the step and the called tool; empty outside steps."""
        if self.call is None:
            return ""
        step = f"{self.call.plan.kind} {self.call.id!r}"
        return step if self.tool_call is None else f"{step}, tool {self.tool_call.plan.id!r},"


def place_of(frames: Sequence[FrameType]) -> Place:
    """Return the innermost step call of some frames, and the tool call inside it."""
    tool_call = None
    for frame in reversed(frames):
        if library_of(frame) != "trioflow":
            continue
        values = list(frame.f_locals.values())
        tool_call = tool_call or next(
            (v for v in values if isinstance(v, ToolCallInProgress)), None
        )
        call = next((v for v in values if isinstance(v, Call)), None)
        if call is not None:
            return Place(call, tool_call)
    return Place()


def place_around(task: trio.lowlevel.Task, frames: Sequence[FrameType]) -> Place:
    """Return the place of a task, or else of its nearest ancestor that is in a step call."""
    while (place := place_of(frames)).call is None and task.parent_nursery is not None:
        nursery = task.parent_nursery
        task = nursery.parent_task
        frames = _frames_around(nursery, frames_of(task))
    return place


def _frames_around(nursery: trio.Nursery, frames: Sequence[FrameType]) -> Sequence[FrameType]:
    """Return the frames of a task without those of runs that it began inside the nursery."""
    before = nursery.parent_task.child_nurseries
    number = before.index(nursery) if nursery in before else 0
    for index, life in drives(frames):
        if life.driver is not None and life.driver.nurseries > number:
            return frames[:index]
    return frames


def drives(frames: Sequence[FrameType]) -> Iterator[tuple[int, Life]]:
    """Yield the runs that a task with these frames drives, with the index of the first frame."""
    for index, frame in enumerate(frames):
        if frame.f_code is drive.__code__:
            yield index, frame.f_locals["life"]
