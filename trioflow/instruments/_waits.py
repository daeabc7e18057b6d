"""Describes what a task waits for, from the frames of its stack.

The functions of Trio and of the engine in which tasks wait have descriptions. Any other
function is shown by its name.
"""

from __future__ import annotations

import functools
import inspect
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from types import CodeType, FrameType
from typing import Any

import trio

from trioflow._engine.journal.journal import RunJournal
from trioflow._engine.running.mailbox import Mailbox
from trioflow._engine.stream.channel import Readers
from trioflow._engine.stream.fairness import Pacer
from trioflow._engine.stream.receive_end import EventStream
from trioflow.instruments._stacks import frames_of, library_of, outward, place_around, user_frame

Limits = Mapping[str, trio.CapacityLimiter]


def describe_wait(frames: Sequence[FrameType], limits: Limits) -> str:
    """Return what the task with these frames is doing, such as ``"waits for a trio.Event"``.

    Args:
      frames: Outermost first, at least one.
      limits: The limits of the run's engine, by name.
    """
    for index in reversed(range(len(frames))):
        frame = frames[index]
        if library_of(frame) not in ("trio", "trioflow"):
            break
        if frame.f_code is _SLEEP:
            return _sleep(frame) + _reason(frames[:index])
        if frame.f_code is _LIMITER:
            return _limiter(frame, limits)
        describe = _KNOWN.get(frame.f_code)
        if describe is not None:
            return describe(frame)
        if isinstance(frame.f_locals.get("self"), trio.Nursery):
            return _nursery(frame.f_locals["self"])
    return _entry(frames)


def _reason(outer: Sequence[FrameType]) -> str:
    """Return why the engine sleeps; empty if the sleeping code is not the engine's."""
    caller = next((frame for frame in reversed(outer) if library_of(frame) != "trio"), None)
    module = None if caller is None else caller.f_globals["__name__"]
    return " before its next attempt" if module == "trioflow._engine.running.attempts" else ""


def _entry(frames: Sequence[FrameType]) -> str:
    """Return a wait that names the called function of Trio, or else the innermost function."""
    entry = frames[-1]
    for frame in reversed(frames):
        if library_of(frame) != "trio":
            break
        if frame.f_code in _PRIMITIVE:
            return _PRIMITIVE[frame.f_code]
        entry = frame
    return f"waits in {entry.f_globals.get('__name__')}.{entry.f_code.co_qualname}"


# ---------------------------------------------------------------- Trio's
def _sleep(frame: FrameType) -> str:
    deadline: float = frame.f_locals["deadline"]
    if deadline == math.inf:
        return "sleeps forever"
    if not trio.lowlevel.in_trio_run():  # called from another thread
        return f"sleeps until {deadline:.3f} on Trio's clock"
    return f"sleeps for another {max(0, deadline - trio.current_time()):.3f} s"


def _nursery(nursery: trio.Nursery) -> str:
    count = len(nursery.child_tasks)
    return f"waits for the {count} task{'s' * (count != 1)} of its nursery"


def _lock(frame: FrameType) -> str:
    lock: trio.Lock = frame.f_locals["self"]
    owner = lock.statistics().owner
    if owner is None:
        return f"waits for a {_type(lock)}"
    holder = place_around(owner, frames_of(owner)).step or f"task {owner.name}"
    return f"waits for a {_type(lock)} that {holder} holds"


def _limiter(frame: FrameType, limits: Limits) -> str:
    limiter: trio.CapacityLimiter = frame.f_locals["self"]
    names = [f"limit {name!r}" for name, one in limits.items() if one is limiter]
    taken = f"{limiter.borrowed_tokens:g} of {limiter.total_tokens:g} taken"
    return f"waits for a slot of {(*names, 'a trio.CapacityLimiter')[0]}, {taken}"


def _thread(frame: FrameType) -> str:
    function = frame.f_locals["sync_fn"]
    place = _place_in_thread(function)
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, "__qualname__", repr(function))
    return f"waits for a thread that runs {name}{place}"


def _place_in_thread(function: Callable[..., Any]) -> str:
    """Return where the thread that runs *function* is, if it can be found."""
    for innermost in sys._current_frames().values():
        frames = list(outward(innermost))
        if any(frame.f_locals.get("sync_fn") is function for frame in frames):
            found = user_frame(frames[::-1])
            if found is not None:
                return f', at File "{found.f_code.co_filename}", line {found.f_lineno}'
    return ""


def _process(frame: FrameType) -> str:
    return f"waits for process {frame.f_locals['self'].pid} to end"


def _self(text: str) -> Callable[[FrameType], str]:
    return lambda frame: f"{text} a {_type(frame.f_locals['self'])}"


def _type(value: object) -> str:
    return f"trio.{type(value).__name__}"


# ---------------------------------------------------------------- the engine's
def _event(frame: FrameType) -> str:
    return f"waits for event {frame.f_locals['name']!r} to be sent to the run"


def _constant(text: str) -> Callable[[FrameType], str]:
    return lambda frame: text


def _code(function: Callable[..., object]) -> CodeType:
    return inspect.unwrap(function).__code__  # type: ignore[no-any-return]


_SLEEP = _code(trio.sleep_until)
_LIMITER = _code(trio.CapacityLimiter.acquire_on_behalf_of)

_KNOWN: Mapping[CodeType, Callable[[FrameType], str]] = {
    _code(trio.Event.wait): _self("waits for"),
    _code(trio.Semaphore.acquire): _self("waits for"),
    _code(trio.Condition.wait): _self("waits for"),
    _code(trio.Lock.acquire): _lock,
    _code(trio.MemoryReceiveChannel.receive): _self("waits to receive from"),
    _code(trio.MemorySendChannel.send): _self("waits for room to send to"),
    _code(trio.to_thread.run_sync): _thread,
    _code(trio.Process.wait): _process,
    _code(trio.lowlevel.checkpoint): _constant("is ready to run"),
    _code(trio.lowlevel.cancel_shielded_checkpoint): _constant("is ready to run"),
    _code(EventStream.__anext__): _constant("waits to receive from the stream of a run"),
    _code(EventStream.receive_some): _constant("waits to receive from the stream of a run"),
    _code(Readers.wait_for_room): _constant("waits for room in the buffer of a reader"),
    _code(RunJournal.wait_boundary): _constant("waits for the journal to be written"),
    _code(RunJournal.wait_stored): _constant("waits for the journal to be written"),
    _code(Mailbox.take): _event,
    _code(Pacer._stop_if_held): _constant("starts nothing more: the run is being drained"),
}
"""The functions in which tasks wait; the innermost one of a stack is described."""

_PRIMITIVE: Mapping[CodeType, str] = {
    _code(trio.sleep_forever): "sleeps forever",
    _code(trio.lowlevel.wait_readable): "waits until there is something to read",
    _code(trio.lowlevel.wait_writable): "waits until it can write",
}
"""Low-level functions; described only if no function of `_KNOWN` is on the stack."""
