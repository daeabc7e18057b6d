"""How a node ended. A failure is data here, so that siblings and events see it in order.

Cancellation is no outcome: it stays Trio's own exception and passes through every node.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import attrs
import trio


# Not frozen: an outcome is made per step, and attrs sets plain attributes twice as fast.
@attrs.define(eq=False)
class Success:
    """The node gave a value."""

    value: Any


@attrs.define(eq=False)
class Failed:
    """The node failed; a group if several steps in it did."""

    error: Exception


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


class Signal(BaseException):
    """Carries a bail or a suspension from the depth of a step body to its call.

    Not an Exception, so that ``except Exception`` in a body does not stop it.
    """

    def __init__(self, outcome: Bailed | Suspended) -> None:
        self.outcome = outcome


def outcome_of(exc: BaseException) -> Outcome | None:
    """Return what it means that a body raised *exc*; None if it must be raised on."""
    match exc:
        case Signal():
            return exc.outcome
        case Exception():
            return Failed(exc)
        case BaseExceptionGroup():
            return _outcome_of_group(exc)
    return None


def _outcome_of_group(group: BaseExceptionGroup[BaseException]) -> Outcome | None:
    """Return what a group from a body's own nursery means; None if it must be raised on.

    A body can bail or fail while it is being canceled. The exceptions it raised count, and
    the Cancelled beside them may be dropped: cancellation is level-triggered, so the next
    checkpoint of this task raises it again.
    """
    errors, others = group.split(Exception)
    if errors is not None:
        return Failed(errors) if others is None or _may_be_dropped(others) else None
    signals = group.subgroup(Signal)
    if signals is not None and _may_be_dropped(group):
        return _first(signals).outcome
    return None


def _may_be_dropped(group: BaseExceptionGroup[BaseException]) -> bool:
    return group.split((trio.Cancelled, Signal))[1] is None


def _first(group: BaseExceptionGroup[Signal]) -> Signal:
    inner = group.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner
