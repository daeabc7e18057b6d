"""The questions that a body asks: how they are recorded, and how they suspend its call."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs
import trio

from trioflow._durations import in_seconds
from trioflow._engine.base.given import check_optional_string
from trioflow._engine.base.outcome import Signal, Suspended
from trioflow._values.structure import compile_structure, type_name
from trioflow.errors import (
    AskLabelError,
    AskMismatchError,
    AskTimeoutError,
    InvalidValueError,
)
from trioflow.events import Question
from trioflow.step_record import AskRecord

if TYPE_CHECKING:
    from trioflow._engine.running.call import Call

GATHER = 3
"""How many turns of Trio's scheduler a question waits for others from the same body, so that the
questions of a nursery's tasks are asked together."""
NUMBER = "#"
"""The prefix of the keys of questions without a label. Labels must not start with it."""

logger = logging.getLogger("trioflow")


@attrs.define(eq=False)
class Asks:
    """The questions of one step call, over all its attempts in this part of the run."""

    known: Mapping[str, AskRecord]
    """What earlier parts of the run have recorded."""
    waiting: dict[str, Question] = attrs.field(factory=dict)
    """The unanswered questions of the current attempt, by key."""
    _attempt: int = 0
    _unlabeled: int = 0
    _used: set[str] = attrs.field(factory=set)

    def begin_attempt(self, attempt: int) -> None:
        """Restart the count of questions if another attempt has begun."""
        if attempt != self._attempt:
            self._attempt, self._unlabeled = attempt, 0
            self._used.clear()
            self.waiting.clear()

    def take_key(self, label: str | None, step: str) -> str:
        """Return the key of the next question.

        Raises:
          AskLabelError: if a label is missing, used twice or invalid.
        """
        beside_unlabeled = any(key.startswith(NUMBER) for key in self.waiting)
        if self.waiting and (label is None or beside_unlabeled):
            raise AskLabelError(step, label, "another question of this call waits for its answer")
        if label is None:
            self._unlabeled += 1
            return f"{NUMBER}{self._unlabeled}"
        if not label or label.startswith(NUMBER):
            raise AskLabelError(step, label, f"a label must not be empty or start with {NUMBER!r}")
        if label in self._used:
            raise AskLabelError(step, label, "this attempt has used the label before")
        self._used.add(label)
        return label


async def ask(call: Call, payload: Any, type_: Any, label: str | None, timeout: Any) -> Any:
    """Return the recorded answer to a question, or suspend the call until there is one."""
    check_optional_string("label", label)
    seconds = _seconds(timeout)
    core = call.scope.core
    structure = compile_structure(type_, "answer", f"step {call.id!r}", core.services.converter)
    await core.pacer.give_way()
    asks = asks_of(call)
    key = asks.take_key(label, call.id)
    known = asks.known.get(key)
    if known is None:
        until = None if seconds is None else core.log.now() + seconds
        question = _new_question(call, payload, type_, label, until)
    else:
        _check_same(call, key, known.question, payload, type_)
        if known.status == "expired":
            raise AskTimeoutError(call.id, key)
        if known.status == "answered":
            try:
                return known.answer if structure is None else structure(known.answer)
            except InvalidValueError as exc:  # only this process has the type
                logger.warning("run %s asks again: %s", call.run_id, exc)
        question = known.question
    core.notes.structures[call.address, key] = structure
    asks.waiting[key] = question
    for _ in range(GATHER):
        await trio.lowlevel.checkpoint()
    raise Signal(Suspended(None, asks=asks.waiting))


def asks_of(call: Call) -> Asks:
    """Return the questions of a call. Created for the first one, because few calls ask any."""
    core = call.scope.core
    asks: Asks | None = core.notes.asks.get(call.address)
    if asks is None:
        known = {} if core.replay is None else core.replay.asks.get(call.address, {})
        asks = core.notes.asks[call.address] = Asks(known)
    asks.begin_attempt(call.attempt)
    return asks


def _seconds(timeout: Any) -> float | None:
    if timeout is None:
        return None
    seconds = in_seconds(timeout)
    if seconds is None or seconds <= 0:
        raise ValueError(f"timeout must be > 0 seconds, not {timeout!r}")
    return None if seconds == math.inf else seconds


def _new_question(
    call: Call, payload: Any, type_: Any, label: str | None, until: float | None
) -> Question:
    return {
        "label": label,
        "payload": payload,
        "type": type_name(type_),
        "schema": call.json_schema(type_),
        "until": until,
    }


def _check_same(call: Call, key: str, recorded: Question, payload: Any, type_: Any) -> None:
    """Check that a question is the one recorded under its key.

    Raises:
      AskMismatchError: if it is a different question.
    """
    name = type_name(type_)
    if recorded["type"] != name:
        problem = f"it asked for {recorded['type']}, and asks for {name} now"
        raise AskMismatchError(call.id, key, problem)
    if recorded["payload"] != payload:
        raise AskMismatchError(call.id, key, "its payload is not equal to the recorded one")
