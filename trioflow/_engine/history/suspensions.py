"""Which steps of a run wait for an answer, and which of them an answer is for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from trioflow._engine.history.groups import GROUPS, items_around
from trioflow.addresses import Address
from trioflow.errors import AmbiguousResumeError, NotSuspendedError
from trioflow.events import Question
from trioflow.record import RunRecord
from trioflow.step_record import StepRecord

ENDED = ("success", "failed", "canceled", "bailed")
"""Statuses of calls that no longer wait for anything."""


@attrs.frozen
class Suspension:
    """What a run waits for: an answer to a suspended step, or to one of its questions."""

    address: str
    path: tuple[str, ...]
    """Ids from the outermost workflow to the step."""
    label: str | None
    index: int | None
    """In a foreach: the index of the item, from 0; of nested ones, the innermost."""
    payload: Any = None
    """The payload that it suspended with."""
    key: str | None = None
    """Which question of ``ctx.ask`` it is; None if the step called ``ctx.suspend``."""
    question: Question | None = None

    def __str__(self) -> str:
        item = "" if self.index is None else f"[{self.index}]"
        label = "" if self.label is None else f" (label {self.label!r})"
        number = f" (question {self.key})" if self.key and self.label is None else ""
        return f"{'.'.join(self.path)}{item}{label}{number}"


def suspensions(state: RunRecord) -> tuple[Suspension, ...]:
    """Return what a run waits for, in the order of its suspension."""
    waiting = [
        record
        for record in state.calls.values()
        if record.status == "suspended" and record.kind not in GROUPS
    ]
    items = any(record.kind == "item" for record in waiting)
    scopes = {Address.parse(address).scope for address in state.calls if items}
    groups = items_around(scopes)
    return tuple(
        suspension
        for record in waiting
        if record.address not in groups and not _is_left(state, record)
        for suspension in _of(state, record)
    )


def _of(run: RunRecord, record: StepRecord) -> Iterator[Suspension]:
    """Yield what one call waits for: the answers to its questions, or one answer."""
    place = record.address, _path(run, record)
    index = _index(record.address)
    known = run.asks.get(record.address, {})
    asks = {key: ask for key, ask in known.items() if ask.status == "waiting"}
    if not asks:
        yield Suspension(*place, record.label, index, record.suspend_payload)
    for key, ask in asks.items():
        question = ask.question
        yield Suspension(*place, question["label"], index, question["payload"], key, question)


def _is_left(run: RunRecord, record: StepRecord) -> bool:
    """Return whether a call waits in a workflow that has ended without it.

    For example, the time limit of the workflow may have passed.
    """
    around = Address.parse(record.address).scope
    while around is not None:
        for outer in (around.with_attempt(1), around.call):  # the foreach item, and its foreach
            known = run.calls.get(str(outer))
            if known is not None and known.status in ENDED:
                return True
        around = around.scope
    return False


def select(
    state: RunRecord,
    step: str | Sequence[str] | None,
    label: str | None,
    index: int | None,
) -> tuple[Suspension, ...]:
    """Return the suspensions that an answer is for.

    Args:
      step: Id or path of the step, or of a call that contains it.
      label: The label it suspended with.
      index: The index of the foreach item.

    Raises:
      NotSuspendedError: if no suspension matches.
      AmbiguousResumeError: if several match that are not items of one foreach.
    """
    known = suspensions(state)
    found = [
        each
        for each in known
        if _fits(each, step) and label in (None, each.label) and index in (None, each.index)
    ]
    listing = tuple(map(str, known))
    wanted = _describe(step, label, index)
    if not found:
        raise NotSuspendedError(state.run_id, wanted, listing)
    several = len({(each.path, each.key) for each in found}) > 1
    if several or (step is None and len(found) > 1):
        raise AmbiguousResumeError(state.run_id, wanted, tuple(map(str, found)))
    return tuple(found)


def _fits(suspension: Suspension, step: str | Sequence[str] | None) -> bool:
    if step is None:
        return True
    wanted = step if isinstance(step, str) else ".".join(step)
    dotted = ".".join(suspension.path)
    return dotted == wanted or dotted.startswith(f"{wanted}.")


def _describe(step: str | Sequence[str] | None, label: str | None, index: int | None) -> str:
    parts = [
        "" if step is None else f"step {step if isinstance(step, str) else '.'.join(step)!r}",
        "" if label is None else f"label {label!r}",
        "" if index is None else f"item {index}",
    ]
    return ", ".join(part for part in parts if part) or "any step"


def _path(state: RunRecord, record: StepRecord) -> tuple[str, ...]:
    """Return the ids from the outermost workflow to a call, separately: ids may have dots."""
    path: list[str] = []
    prefix = ""
    own = Address.parse(record.address).call
    for call in own.walk():
        outer = state.calls.get(str(call))
        # Items have the id of their foreach, whose record precedes theirs.
        if outer is not None and call.item is None and call != own:
            path.append(outer.id.removeprefix(prefix))
            prefix = f"{outer.id}."
    return (*path, record.id.removeprefix(prefix))


def _index(address: str) -> int | None:
    """Return the index of the foreach item for an address; of nested ones, the innermost."""
    items = [outer.item for outer in Address.parse(address).walk() if outer.item is not None]
    return items[-1] if items else None
