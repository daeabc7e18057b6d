"""What a worker takes: the checked arguments of `Engine.work`."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Mapping

import attrs

from trioflow._durations import Duration, in_seconds
from trioflow._engine.base.reporting import report
from trioflow._engine.planning.environment import Environment
from trioflow._engine.planning.fingerprint import fingerprint
from trioflow._engine.planning.planner import plan_workflow
from trioflow._ids import check_name
from trioflow._numbers import is_whole_number
from trioflow.errors import TrioflowError

MAX_PRIORITY = 2**31 - 1


@attrs.frozen(kw_only=True)
class Job:
    """What a worker takes, and how."""

    workflows: Mapping[str, str]
    """The fingerprints of the workflows that it knows, by id."""
    queues: Collection[str]
    capacity: int
    poll: float
    drain: float


def job_of(
    environment: Environment,
    capacity: int,
    queues: Collection[str],
    poll: Duration,
    drain: Duration,
) -> Job:
    """Return what an engine takes as a worker.

    Raises:
      ValueError: if a number or a duration is invalid, or there is no queue.
      InvalidIdError: if the name of a queue is invalid.
    """
    if not is_whole_number(capacity) or capacity < 1:
        raise ValueError(f"capacity must be a whole number >= 1, not {capacity!r}")
    if isinstance(queues, str) or not queues:
        raise ValueError(f"queues must be a collection of names, not {queues!r}")
    for queue in queues:
        check_name("queue", queue)
    seconds = in_seconds(poll)
    if seconds is None or not 0 < seconds < math.inf:
        raise ValueError(f"poll must be seconds > 0 or a timedelta, not {poll!r}")
    grace = in_seconds(drain)
    if grace is None or grace < 0:
        raise ValueError(f"drain must be seconds >= 0 or a timedelta, not {drain!r}")
    return Job(
        workflows=_fingerprints(environment),
        queues=tuple(dict.fromkeys(queues)),
        capacity=capacity,
        poll=seconds,
        drain=grace,
    )


def check_priority(priority: object) -> None:
    """Check the priority of a run.

    Raises:
      ValueError: if it is not a whole number of 32 bits.
    """
    if not is_whole_number(priority) or not -MAX_PRIORITY <= priority <= MAX_PRIORITY:
        problem = f"a whole number from -{MAX_PRIORITY} to {MAX_PRIORITY}"
        raise ValueError(f"priority must be {problem}, not {priority!r}")


def _fingerprints(environment: Environment) -> dict[str, str]:
    """Return the fingerprints of the workflows that can be driven, by id."""
    found = {}
    for id, workflow in environment.workflows.items():
        try:
            found[id] = fingerprint(plan_workflow(workflow, environment))
        except TrioflowError as exc:
            report("no runs of workflow %s are taken: %s", id, exc, level=logging.WARNING)
    return found
