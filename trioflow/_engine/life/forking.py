"""How a run begins with the past of another run: forks, including retries."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import trio

from trioflow import events as ev
from trioflow._engine.history.fork_past import Past, check_fits, invented, prefix, with_state
from trioflow._engine.history.fork_target import find_destination
from trioflow._engine.life.life import Life
from trioflow._engine.life.recovering import adopt, begin_recovery, recorded_events
from trioflow._engine.life.resuming import structured_answer
from trioflow._phases import Phase
from trioflow.context import MISSING
from trioflow.errors import DuplicateRunError, RunAlreadyStartedError, RunStateError
from trioflow.tracing import NO_TRACING, TracingContext

if TYPE_CHECKING:
    from trioflow.abc import Entry


@attrs.frozen(eq=False)
class Fork:
    """What a run that shares its past with another run begins with."""

    origin: str
    """Id of the other run."""
    events: Sequence[ev.Event]
    """The shared events, with the ids of the new run."""
    entries: Sequence[Entry] = ()
    """The journal entries of these events, if the run has a journal."""
    given: Mapping[str, Any] = attrs.field(factory=dict)
    """Fields of its `Recover` that record how it differs from the other run."""
    deadline: float | None = None
    """When the run must have finished: seconds since the epoch."""


async def fork(
    old: Life,
    step: str | Sequence[str],
    given: Any,
    answer: Any,
    outputs: Mapping[str, Any],
    state: Any,
    run_id: str,
    by: str | None,
    tags: tuple[str, ...] | None = None,
) -> Life:
    """Return a run that begins at a step of an old one; nothing is stored yet.

    Args:
      given: Another input for the step; MISSING for its recorded input.
      answer: The answer for the step; MISSING for none.
      outputs: Replacement outputs for earlier steps, by id.
      state: The state in which the step begins; MISSING for the recorded one.
      tags: Tags of the new run; None for those of the old one.

    Raises: what `Run.fork` raises.
    """
    if run_id == old.run_id:
        raise DuplicateRunError(run_id)
    recorded = await recorded_events(old)
    destination = find_destination(old.plan, step, recorded)
    check_fits(old.misfits, recorded, destination, outputs)
    events = prefix(recorded, destination, run_id, outputs)
    events += invented(old.plan, destination, events, outputs)
    if state is not MISSING:
        events = with_state(events, old.plan.initial_state(state))
    address = str(destination.address)
    more: dict[str, Any] = {}
    if given is not MISSING:
        more["inputs"] = {address: given}
    if answer is not MISSING:
        more["answers"] = {address: structured_answer(old.plan, address, answer)}
    return await register(new_fork(old, run_id, Past(events, more), by, tags))


def new_fork(
    old: Life, run_id: str, past: Past, by: str | None, tags: tuple[str, ...] | None = None
) -> Life:
    """Return a run that has not started and begins with the past of an old one.

    Raises:
      UnreadableRunError: if the past holds a value that the workflow cannot use.
      NotSerializableError: if the run is durable and one of its values cannot be written.
    """
    tags = old.tags if tags is None else tags
    new = Life(old.plan, old.environment, run_id, old.resource_id, old.keeper, tags)
    start, *others = past.events
    assert isinstance(start, ev.Start)  # the first event of every past
    deadline = start.deadline
    if deadline is not None:  # it gets the same time as the other run had
        new.core.log.start_clock()
        deadline += new.core.log.now() - start.at
    start = attrs.evolve(start, forked_from=old.run_id, by=by, deadline=deadline)
    from trioflow._engine.history.retyped import retyped

    events = retyped(new.plan, [start, *others])
    entries: Sequence[Entry] = ()
    if old.keeper is None or new.journaled is None:
        new.created_at = time.time()
    else:
        old.keeper.keep(new)
        new.journaled.check(ev.Recover, **past.given)
        entries = new.journaled.journal.encode(events)
    new.fork = Fork(old.run_id, events, entries, past.given, deadline)
    return new


async def register(new: Life) -> Life:
    """Add a new run to the engine, if there is an engine.

    Raises:
      DuplicateRunError: if the engine or its store already has a run with that id.
    """
    known = new.environment.known()
    if known is not None:
        async with known.lock(new.run_id):
            if known.find(new.run_id) is not None or await known.is_stored(new.run_id):
                raise DuplicateRunError(new.run_id)
            known.add(new)
    return new


# ---------------------------------------------------------------- starting one
def prepare_fork(
    life: Life,
    given: Sequence[Any],
    tracing_context: TracingContext | None = None,
    per_step: bool = False,
) -> None:
    """Take the start arguments of a fork, once; `begin_fork` follows.

    Args:
      given: Arguments that must be None, because the fork takes them from the other run.

    Raises:
      RunAlreadyStartedError: if the fork was started before.
      RunStateError: if one of *given* is not None.
    """
    if life.phase is not Phase.PENDING:
        problem = "it was started before; fork again for another start"
        raise RunAlreadyStartedError(life.run_id, life.record.status, problem)
    if any(each is not None for each in given):
        problem = (
            "a fork has input, state, context and metadata from the run that it was forked from; "
            "start it without them"
        )
        raise RunStateError(life.run_id, life.record.status, problem)
    life.core.tracing_context = tracing_context or NO_TRACING
    life.core.per_step = per_step
    life.move("begin")


@trio.lowlevel.enable_ki_protection
def begin_fork(life: Life, is_stored: bool = False) -> None:
    """Begin a fork that `prepare_fork` has prepared; the caller then drives it.

    Args:
      is_stored: Whether its journal already holds the events shared with the other run.
    """
    fork = life.fork
    assert fork is not None  # the caller checks this
    if life.journaled is None or is_stored:
        adopt(life, fork.events)
    else:
        journal = life.journaled.journal
        try:
            adopt(life, fork.events)
            journal.add(fork.entries)
        except BaseException:
            journal.stop()  # later entries would form a journal without a beginning
            raise
    begin_recovery(life, fork.given)
