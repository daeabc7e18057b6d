"""How a node ended. A failure is data here, so that siblings and events see it in order.

Cancellation is no outcome: it stays Trio's own exception and passes through every node.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
import trio

from trioflow.errors import InvalidValueError, NotSerializableError
from trioflow.events import Question

UNRECORDABLE = (NotSerializableError, InvalidValueError)
"""What a durable run raises for an event that holds a value that cannot be recorded."""


# Not frozen, though nothing changes one: an outcome is made per step (shortcut `open-outcome`).
@attrs.define(eq=False)
class Success:
    """The node gave a value."""

    value: Any


@attrs.define(eq=False)
class FellBack(Success):
    """The call failed, and its fallback gave a value."""

    error: BaseException


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
    asks: Mapping[str, Question] | None = None
    """What it has asked with ``ctx.ask``; other tasks of the body may add to it until it ends."""


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


# Exceptions are asked for their type and not whether they are instances: they are the users', and
# one may raise if it is asked for its class.
def outcome_of(exc: BaseException) -> Outcome | None:
    """Return what it means that a body raised *exc*; None if it must be raised on.

    Whatever a body raises is its failure, `SystemExit`, the cancellation of another event loop and
    that of a scope that was left long ago included. Only two pass: Ctrl-C, which is the program's,
    and the cancellation of a scope that is around the body.
    """
    if issubclass(type(exc), BaseExceptionGroup):
        return _outcome_of_leaves(exc, list(leaves(exc)))
    return _outcome_of_leaves(exc, [exc])


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
    return any(issubclass(type(leaf), KeyboardInterrupt) for leaf in leaves(exc))


def leaves(exc: BaseException) -> Iterator[BaseException]:
    """Yield what is in a group and the groups in it, in order; of what is no group, itself."""
    waiting = [exc]
    while waiting:
        found = waiting.pop()
        if issubclass(type(found), BaseExceptionGroup):
            waiting += reversed(_MEMBERS.__get__(found))
        else:
            yield found


_MEMBERS: Any = BaseExceptionGroup.__dict__["exceptions"]
"""The members as Python itself keeps them, whatever a subclass makes of the name."""


def _outcome_of_leaves(exc: BaseException, found: Sequence[BaseException]) -> Outcome | None:
    """Return what *exc* means, which is *found* alone or a group from a body's own nursery.

    A body can bail or fail while it is being canceled. The exceptions it raised count, and
    the Cancelled beside them may be dropped: cancellation is level-triggered, so the next
    checkpoint of this task raises it again.
    """
    ignored: list[type[BaseException]] = [Signal]
    if any(issubclass(type(leaf), KeyboardInterrupt) for leaf in found):
        return None
    if any(issubclass(type(leaf), trio.Cancelled) for leaf in found) and _is_canceled():
        ignored.append(trio.Cancelled)
    others = [leaf for leaf in found if not issubclass(type(leaf), tuple(ignored))]
    if others:
        return Failed(exc if len(others) == len(found) else _without(exc, tuple(ignored)))
    for leaf in found:
        if type(leaf) is Signal:
            return leaf.outcome
    return None


def _is_canceled() -> bool:
    """Tell whether a scope is canceled that this task is in."""
    return trio.current_effective_deadline() == -math.inf


def _without(group: BaseException, ignored: tuple[type[BaseException], ...]) -> BaseException:
    """Return a group without some of its exceptions."""
    try:
        others = group.split(ignored)[1]  # type: ignore[attr-defined]
    except Exception:  # a subclass may have a split of its own, or a derive
        return group
    return group if others is None else others
