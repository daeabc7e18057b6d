"""The warnings about tasks that block the event loop, and which of them are reported."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any, TypeAlias

import attrs
import trio

from trioflow.instruments._stacks import DEBUGGERS, Place, frames_of, library_of, place_around

PAUSE = 10.0
"""Seconds in which only one block by the same step or task is reported."""

Report: TypeAlias = tuple[str, dict[str, Any]]
"""The message of a warning, and the attributes of its log record."""


@attrs.frozen
class Block:
    """A task that blocks the event loop."""

    key: str
    """Identifies blocks by the same step or task."""
    who: str
    where: str
    """The stack, in the format of tracebacks."""
    attributes: dict[str, Any]

    @classmethod
    def by(cls, task: trio.lowlevel.Task) -> Block | None:
        """Return a description of the block by a running task; None if it is being debugged."""
        frames = frames_of(task)
        if any(library_of(frame) in DEBUGGERS for frame in frames):
            return None
        place = place_around(task, frames)
        key = place.step or f"task {task.name!r}, which is not a step,"
        who = f"{key} of run {place.call.run_id}" if place.call else key
        return cls(key, who, _stack(frames), _attributes(place))


def _stack(frames: Sequence[FrameType]) -> str:
    """Return the stack below the engine's frames, or the whole stack without such frames."""
    ours = [index for index, frame in enumerate(frames) if library_of(frame) == "trioflow"]
    called = frames[ours[-1] + 1 :] if ours else frames
    summary = traceback.StackSummary.extract((f, f.f_lineno) for f in called or frames)
    return "".join(summary.format()).rstrip()


def _attributes(place: Place) -> dict[str, Any]:
    call = place.call
    if call is None:
        return {}
    return {
        "run_id": call.run_id,
        "step_id": call.id,
        "step_call_id": call.step_call_id,
        "attempt": call.attempt,
        "tool": place.tool_call.plan.id if place.tool_call else "",
    }


@attrs.define
class _Told:
    at: float
    """When a block was last reported."""
    others: int = 0
    """Number of blocks that were not reported since then."""
    seconds: float = 0.0
    """Total duration of these."""


class Ledger:
    """Reports blocks, but only counts most of them if a step blocks repeatedly."""

    def __init__(self) -> None:
        self._reported: dict[str, _Told] = {}
        self._open: Block | None = None
        """The block that was reported and has not ended."""

    def begin(self, block: Block, seconds: float, now: float) -> Iterator[Report]:
        """Report that a block has lasted *seconds* so far, unless one was reported recently."""
        reported = self._reported.get(block.key)
        if reported is not None and now - reported.at < PAUSE:
            return
        yield from self._others(block.key)
        self._reported[block.key] = _Told(now)
        self._open = block
        text = f"{block.who} has blocked the event loop for {seconds:.2f} s and still does, at"
        yield f"{text}\n{block.where}", block.attributes

    def end(self, block: Block, seconds: float) -> Iterator[Report]:
        """Report the total duration of a block, or count it among the others."""
        if block is self._open:
            self._open = None
            yield f"{block.who} blocked the event loop for {seconds:.2f} s", block.attributes
        else:
            reported = self._reported[block.key]
            reported.others += 1
            reported.seconds += seconds

    def close(self) -> Iterator[Report]:
        """Report the blocks that were only counted."""
        for key in self._reported:
            yield from self._others(key)

    def _others(self, key: str) -> Iterator[Report]:
        reported = self._reported.get(key)
        if reported is not None and reported.others:
            times = "once more" if reported.others == 1 else f"{reported.others} more times"
            yield f"{key} blocked the event loop {times}, for {reported.seconds:.2f} s", {}
            reported.others, reported.seconds = 0, 0.0
