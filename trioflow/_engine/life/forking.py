"""How a run begins with the past of another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trioflow import events as ev
from trioflow._engine.history.retyped import retyped
from trioflow._engine.life.life import Life
from trioflow._engine.life.recovering import adopt, begin_recovery
from trioflow._engine.life.resuming import structured_answer


def sibling(life: Life, run_id: str) -> Life:
    """Return another run of the same workflow, durable if this one is."""
    other = Life(life.plan, life.environment, run_id, life.resource_id, life.keeper, life.tags)
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
      InvalidValueError: if the answer does not fit the step's ``resume`` type.
      NotSerializableError: if the run is durable, and a value of it cannot be written.
    """
    events = retyped(life.plan, past)
    answer = structured_answer(life.plan, address, answer)
    if life.journaled is None:
        adopt(life, events)
    else:
        given = {"input": inputs.get(address), "resume_data": answer}
        life.journaled.check(ev.StepStart, id="", address=address, kind="step", **given)
        journal = life.journaled.journal
        entries = journal.encode(events)
        try:
            adopt(life, events)
            journal.add(entries)
        except BaseException:
            journal.stop()  # what followed would be a journal without a beginning
            raise
    begin_recovery(life)
    life.core.per_step = per_step
    if life.core.replay is not None:
        life.core.replay.inputs = inputs
        if answer is not None:
            life.core.replay.answer(address, answer)
