"""Checks the options of an agent, so that what is wrong is named where it is written."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from attrs import frozen

from trioflow import Step, Tool, Workflow
from trioflow.errors import DefinitionError, Fault, InvalidValueError
from trioflow_agents.messages import Assistant, Message, System, ToolAnswer, User
from trioflow_agents.model import Model
from trioflow_agents.stopping import Stop

OWN_STEPS = frozenset({"model", "outgoing", "settle", "calls", "tool", "call", "answers"})
"""Ids of the parts of a turn."""


@frozen
class Options:
    """Checks the options of one agent. All raise DefinitionError."""

    where: str
    """Names the agent in messages."""

    def refuse(self, problem: str, remedy: str) -> NoReturn:
        """Raise the error for an option."""
        raise DefinitionError(self.where, problem, remedy)

    def check_model(self, model: object) -> None:
        """Check that something is a model."""
        if not isinstance(model, Model):
            self.refuse(f"model is {model!r}", "give it a Model, such as OpenAIModel('name')")

    def check_stop(self, stop: object) -> None:
        """Check that something says when to stop."""
        if not isinstance(stop, Stop):
            self.refuse(f"stop is {stop!r}", "use Stop(turns=...)")

    def check_number(self, name: str, value: Any, least: int) -> None:
        """Check that a number is not too small."""
        if type(value) is not int or value < least:
            self.refuse(f"{name} is {value!r}", f"give it a whole number >= {least}")

    def listed(self, name: str, given: Any) -> tuple[Any, ...]:
        """Return what is given as a list."""
        if isinstance(given, str | Step | Tool | Workflow) or not isinstance(given, Iterable):
            self.refuse(f"{name} is {given!r}", f"give it a list: {name}=[...]")
        return tuple(given)

    def check_guards(self, guards: Iterable[Any]) -> None:
        """Check that guards do not have the ids of other parts of a turn."""
        for guard in guards:
            id = guard if isinstance(guard, str) else getattr(guard, "id", None)
            if id in OWN_STEPS:
                problem = f"an output guard has the id {id!r} of a part of the agent"
                self.refuse(problem, "rename it with .clone(id)")

    def check_answer_tool(self, name: str, tools: Iterable[str]) -> None:
        """Check that no tool has the name of the tool by which a model answers."""
        if name in tools:
            problem = f"a tool has the name {name!r}, by which models give their answers"
            self.refuse(problem, "rename it with .clone(id)")


def messages_in(given: Any, what: str, agent: str) -> tuple[Message, ...]:
    """Return the messages that a function of the user has returned: several, one, or a string.

    Raises:
      InvalidValueError: if they are none.
    """
    if isinstance(given, str):
        return (User(given),)
    if isinstance(given, System | User | Assistant | ToolAnswer):
        return (given,)
    if isinstance(given, Iterable):
        return tuple(given)
    fault = Fault("", f"expected messages, received {type(given).__name__}")
    raise InvalidValueError(what, f"agent {agent!r}", (fault,))
