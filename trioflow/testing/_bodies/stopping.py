"""The checks of a body that is canceled, or closed early."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trioflow import events as ev
from trioflow.testing._bodies.conduct import TRIES, check_left
from trioflow.testing._bodies.faults import BodyContractError
from trioflow.testing._bodies.running import Sighting, Terms, observe
from trioflow.testing._bodies.traps import By, Moment, Point

KINDS: tuple[tuple[Moment, By], ...] = (
    ("wait", "cancel"),
    ("wait", "deadline"),
    ("turn", "cancel"),
)


def check_stopping(terms: Terms, value: Any, seen: Sighting, most: int) -> None:
    """Cancel a body at its moments, and check that it ends in time and leaks nothing.

    Args:
      seen: The observation of an undisturbed run.
      most: Maximum number of moments of each kind; if the body has more, they are spread out.

    Raises:
      BodyContractError: for the first moment at which a cancellation shows a fault.
    """
    for point in points(seen, most):
        _check_point(terms, value, point)


def points(seen: Sighting, most: int) -> Iterator[Point]:
    """Yield the moments of a body, or a selection from the first to the last."""
    for moment, by in KINDS:
        count = seen.trap.counts[moment]
        chosen = {1 + index * (count - 1) // max(most - 1, 1) for index in range(most)}
        for number in sorted(chosen if count > most else range(1, count + 1)):
            yield Point(moment, number, by)


def _check_point(terms: Terms, value: Any, point: Point) -> None:
    seen = observe(terms, value, point)
    for _ in range(TRIES - 1):
        if not _is_late(terms, seen):
            break
        seen = observe(terms, value, point)  # the machine may have been busy
    if seen.trap.canceled is None:
        return  # this time the body ended earlier
    if seen.watch.answer is not None:
        problem = f"{point}; Cancelled was raised in {seen.watch.told_in}, but it "
        problem += seen.watch.answer
        raise _error(terms, "swallows cancellation", problem, seen)
    if _is_late(terms, seen):
        raise _error(terms, "ignores cancellation", _how_late(terms, point, seen), seen)
    if seen.error is not None:
        seen.error.add_note(f"while checking {terms.where}: {point}")
        raise seen.error
    check_left(terms, seen, f"{point}; after it had ended")


def _is_late(terms: Terms, seen: Sighting) -> bool:
    if seen.trap.canceled is None:
        return False
    return seen.watch.gives_up or (
        seen.trap.took is not None and max(seen.trap.took) > terms.seconds
    )


def _how_late(terms: Terms, point: Point, seen: Sighting) -> str:
    if seen.watch.gives_up or seen.trap.took is None:
        return f"{point}, and it would have continued forever"
    took = max(seen.trap.took)
    return f"{point}, and it continued for {took:g} s; at most {terms.seconds:g} s are allowed"


def _error(terms: Terms, fault: str, problem: str, seen: Sighting) -> BodyContractError:
    return BodyContractError(terms.where, fault, problem, seen.events, (seen.trap.mark,))


def check_leaving(terms: Terms, value: Any, pieces: int) -> None:
    """Take some pieces of a streaming tool, close it, and check that it ends.

    Args:
      pieces: Total number of its pieces.
    """
    for taking in sorted({1, pieces // 2, pieces} - {0}):
        seen = observe(terms, value, taking=taking)
        failure = getattr(seen.last(ev.StepResult), "error", None)
        answer = None
        if isinstance(failure, RuntimeError):
            answer = str(failure)
        elif failure is not None and not isinstance(failure, terms.raises):
            answer = f"raised {failure!r}"
        elif seen.watch.gives_up or seen.watch.closing > terms.seconds:
            answer = f"continued for {seen.watch.closing:g} s (at most {terms.seconds:g} s)"
        if answer is not None:
            problem = f"it was closed after {taking} pieces: {answer}"
            raise _error(terms, "ignores being closed", problem, seen)
        if seen.error is not None:
            raise seen.error
        check_left(terms, seen, f"it was closed after {taking} pieces; after it had ended")
