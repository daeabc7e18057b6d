"""The output of an agent: text, or a value of its type that the text describes."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from attrs import evolve

from trioflow import StepContext
from trioflow.errors import Fault, InvalidValueError
from trioflow_agents.conversation import Turn
from trioflow_agents.messages import User


def structure_output(text: str, output: Any, agent: str, ctx: StepContext[Any]) -> Any:
    """Return the value that a text describes.

    Raises:
      InvalidValueError: if the text is not JSON, or does not fit the type.
    """
    if output is str:
        return text
    try:
        value = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as exc:
        fault = Fault("", f"is not JSON ({exc})")
        raise InvalidValueError("output", f"agent {agent!r}", (fault,)) from exc
    schema = ctx.json_schema(output)
    if schema.get("type") != "object" and isinstance(value, dict) and value.keys() == {"answer"}:
        value = value["answer"]  # of a model that answers by a tool
    try:
        return ctx.structure(value, output)
    except InvalidValueError as exc:
        raise InvalidValueError("output", f"agent {agent!r}", exc.faults) from exc


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"it holds {constant}, which JSON does not have")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"the number {text:.40} is too large")
    return number


def judge(turn: Turn, output: Any, agent: str, ctx: StepContext[Any], repairs_left: int) -> Turn:
    """Return a turn with what follows from its text: it ends the agent, or has to be repaired.

    Raises:
      InvalidValueError: if the output does not fit and no repair is left.
    """
    if turn.said.calls:
        return turn
    try:
        structure_output(turn.said.text, output, agent, ctx)
    except InvalidValueError as exc:
        if repairs_left < 1:
            raise
        return evolve(turn, messages=(*turn.messages, _faults(exc)), is_repaired=True)
    return evolve(turn, ends=True)


def _faults(error: InvalidValueError) -> User:
    listing = "\n".join(f"- {fault}" for fault in error.faults)
    return User(f"The answer does not fit the schema:\n{listing}\nGive the whole answer again.")
