"""How a run begins with the past of another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trioflow import events as ev
from trioflow._engine.history.retyped import retyped
from trioflow._engine.life.life import Life
from trioflow._engine.life.recovering import adopt, begin_recovery


def sibling(life: Life, run_id: str) -> Life:
    """Return another run of the same workflow, durable if this one is."""
    other = Life(life.plan, life.environment, run_id, life.resource_id, life.keeper)
    if life.keeper is not None:
        life.keeper.keep(other)
    return other


def begin_fork(
    life: Life,
    past: Sequence[ev.Event],
    inputs: Mapping[str, Any],
    answer: Any,
    address: str,
    per_step: bool,
) -> None:
    """Begin a run with the events of another one, up to the call at *address*.

    Raises:
      UnreadableRunError: if the past holds a value that the workflow cannot use.
      NotSerializableError: if the run is durable, and a value of it cannot be written.
    """
    events = retyped(life.plan, past)
    if life.journaled is None:
        adopt(life, events)
    else:
        entries = life.journaled.journal.encode(events)
        adopt(life, events)
        life.journaled.journal.add(entries)
    begin_recovery(life)
    life.core.per_step = per_step
    if life.core.replay is not None:
        life.core.replay.inputs = inputs
        if answer is not None:
            life.core.replay.answer(address, answer)
