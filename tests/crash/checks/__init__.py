"""What must hold of every history. Each check yields what is wrong, for people."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.crash.checks import bodies, ends, inbox
from tests.crash.history import History

Check = Callable[[History], Iterator[str]]

CHECKS: tuple[Check, ...] = (
    bodies.recorded_calls_do_not_run_again,
    bodies.no_call_runs_twice_at_once,
    bodies.recorded_outputs_are_what_bodies_gave,
    inbox.events_arrive_once,
    inbox.acknowledged_events_arrive,
    inbox.events_are_taken_once,
    inbox.acknowledged_requests_have_their_effect_once,
    inbox.refused_requests_have_no_effect,
    inbox.nothing_is_left,
    ends.journals_follow_the_grammar,
    ends.runs_end_with_a_reason,
    ends.runs_start_once,
    ends.who_waits_is_told_the_end,
    ends.nothing_goes_wrong,
)


def faults_of(history: History) -> list[str]:
    """Return all that is wrong with a history."""
    return [f"{check.__name__}: {fault}" for check in CHECKS for fault in check(history)]
