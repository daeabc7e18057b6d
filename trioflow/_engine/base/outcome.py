"""How a node ended. A failure is data here, so that siblings and events see it in order.

Cancellation is no outcome: it stays Trio's own exception and passes through every node.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import attrs
import trio

from trioflow.errors import InvalidValueError, NotSerializableError


# Not frozen: an outcome is made per step, and attrs sets plain attributes twice as fast.
@attrs.define(eq=False)
class Success:
    """The node gave a value."""

    value: Any


@attrs.define(eq=False)
class Failed:
    """The node failed; a group if several steps in it did."""

    error: BaseException


@attrs.define(eq=False)
class Bailed:
    """A step asked to end the workflow now, with this value."""

    value: Any


@attrs.define(eq=False)
class Suspended:
    """A step waits for an answer, and so does what it is part of."""

    payload: Any
    label: str | None = None


@attrs.define(eq=False)
class Paused:
    """The run was asked to stop after one step, and that step has ended."""


Outcome: TypeAlias = Success | Failed | Bailed | Suspended | Paused

UNRECORDABLE = (NotSerializableError, InvalidValueError)
"""What a durable run raises for an event that holds a value that cannot be recorded."""
PASSING = (trio.Cancelled, KeyboardInterrupt)
"""Exceptions that are no failure of the body that they leave."""


class Signal(BaseException):
    """Carries a bail or a suspension from the depth of a step body to its call.

    Not an Exception, so that ``except Exception`` in a body does not stop it.
    """

    def __init__(self, outcome: Bailed | Suspended) -> None:
        self.outcome = outcome


def outcome_of(exc: BaseException) -> Outcome | None:
    """Return what it means that a body raised *exc*; None if it must be raised on.

    Whatever a body raises is its failure, `SystemExit` and the cancellation of another event
    loop included. Only Trio's own cancellation passes, and Ctrl-C, which is the program's.
    """
    match exc:
        case Signal():
            return exc.outcome
        case BaseExceptionGroup():
            return _outcome_of_group(exc)
        case _ if isinstance(exc, PASSING):
            return None
    return Failed(exc)


def must_pass(exc: BaseException) -> bool:
    """Tell whether *exc* is no failure of a body: a cancellation, Ctrl-C, or a group of such."""
    return outcome_of(exc) is None


def failure(exc: BaseException) -> Failed:
    """Return the failure that an exception of a user's function is.

    Raises:
      BaseException: *exc* itself, if it must pass. Call it while *exc* is handled.
    """
    if must_pass(exc):
        raise exc
    return Failed(exc)


def is_interrupt(exc: BaseException) -> bool:
    """Tell whether *exc* is Ctrl-C, or a group that contains it."""
    if isinstance(exc, BaseExceptionGroup):
        return exc.subgroup(KeyboardInterrupt) is not None
    return isinstance(exc, KeyboardInterrupt)


def _outcome_of_group(group: BaseExceptionGroup[BaseException]) -> Outcome | None:
    """Return what a group from a body's own nursery means; None if it must be raised on.

    A body can bail or fail while it is being canceled. The exceptions it raised count, and
    the Cancelled beside them may be dropped: cancellation is level-triggered, so the next
    checkpoint of this task raises it again.
    """
    if is_interrupt(group):
        return None
    passing, others = group.split((*PASSING, Signal))
    if others is not None:
        return Failed(others)
    signals = None if passing is None else passing.subgroup(Signal)
    return None if signals is None else _first(signals).outcome


def _first(group: BaseExceptionGroup[Signal]) -> Signal:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner
