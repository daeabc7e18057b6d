"""The outcome of a node. A failure is data here, so that siblings and events see it in order.

Cancellation is not an outcome: it stays Trio's own exception and passes through every node.
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
"""Errors of a durable run for an event with a value that cannot be recorded."""


# Not frozen, though nothing changes it: an outcome is created per step (shortcut `open-outcome`).
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
    """A step waits for an answer, and so does everything that contains it."""

    payload: Any
    label: str | None = None
    asks: Mapping[str, Question] | None = None
    """The questions of ``ctx.ask``; other tasks of the body may add to them until it ends."""


@attrs.define(eq=False)
class Paused:
    """The run was asked to stop after one step, and that step has ended."""


Outcome: TypeAlias = Success | Failed | Bailed | Suspended | Paused


class Signal(BaseException):
    """Carries a bail or a suspension from inside a step body to its call.

    Not an Exception, so that ``except Exception`` in a body does not catch it.
    """

    def __init__(self, outcome: Bailed | Suspended) -> None:
        self.outcome = outcome


# The type of exceptions is checked, not isinstance(): they are user objects, and reading their
# class may raise.
def outcome_of(exc: BaseException) -> Outcome | None:
    """Return the meaning of an exception from a body; None if it must be raised again.

    Every exception of a body is its failure, including `SystemExit`, the cancellation of another
    event loop and that of a scope that was left before. Two exceptions pass: Ctrl-C, which ends the
    program, and the cancellation of a scope around the body.
    """
    if issubclass(type(exc), BaseExceptionGroup):
        return _outcome_of_leaves(exc, list(leaves(exc)))
    return _outcome_of_leaves(exc, [exc])


def must_pass(exc: BaseException) -> bool:
    """Return whether *exc* is not a body's failure: a cancellation, Ctrl-C, or a group of these."""
    return outcome_of(exc) is None


def failure(exc: BaseException) -> Failed:
    """Return the failure for an exception of a user's function.

    Raises:
      BaseException: *exc* itself, if it must pass. Call it while *exc* is handled.
    """
    if must_pass(exc):
        raise exc
    return Failed(exc)


def is_interrupt(exc: BaseException) -> bool:
    """Return whether *exc* is Ctrl-C, or a group that contains it."""
    return any(issubclass(type(leaf), KeyboardInterrupt) for leaf in leaves(exc))


def leaves(exc: BaseException) -> Iterator[BaseException]:
    """Yield the exceptions in a group and its subgroups, in order; another exception as itself."""
    waiting = [exc]
    while waiting:
        found = waiting.pop()
        if issubclass(type(found), BaseExceptionGroup):
            waiting += reversed(_MEMBERS.__get__(found))
        else:
            yield found


_MEMBERS: Any = BaseExceptionGroup.__dict__["exceptions"]
"""The members as Python itself keeps them, whatever a subclass defines under the name."""


def _outcome_of_leaves(exc: BaseException, found: Sequence[BaseException]) -> Outcome | None:
    """Return the meaning of *exc*, which is *found* alone or a group from a body's nursery.

    A body can bail or fail while it is being canceled. The exceptions it raised count, and the
    Cancelled among them may be dropped: cancellation is level-triggered, so the next checkpoint of
    this task raises it again.
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
    """Return whether a scope around this task is canceled."""
    return trio.current_effective_deadline() == -math.inf


def _without(group: BaseException, ignored: tuple[type[BaseException], ...]) -> BaseException:
    """Return a group without some of its exceptions."""
    try:
        others = group.split(ignored)[1]  # type: ignore[attr-defined]
    except Exception:  # a subclass may define its own split or derive
        return group
    return group if others is None else others
