"""Workflows as tools of an agent, other agents among them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from trioflow import NonRetryableError, RunContext, Step, StepContext, Workflow, step
from trioflow.errors import DefinitionError, InvalidValueError, Tripwire
from trioflow.outcomes import Failed
from trioflow_agents.conversation import NAMESPACE, CallPlace, to_keep, turn_key
from trioflow_agents.messages import ToolAnswer, ToolRequest
from trioflow_agents.tools import INPUT, Toolbox, read_arguments


def calling(
    toolbox: Toolbox, call_tool: Step[Any, str], *, raises: bool, where: str
) -> Step[Any, str] | Workflow[Any, Any]:
    """Return what makes one call: the step for tools, or a choice if there are workflows.

    Raises:
      DefinitionError: if a workflow has the id of another part of the agent.
    """
    if not toolbox.workflows:
        return call_tool
    arms: list[tuple[Any, Any]] = [(_is_none_of(toolbox.workflows), call_tool)]
    for name, workflow in toolbox.workflows.items():
        if name == call_tool.id:
            problem = f"a workflow has the id {workflow.id!r} of the step that calls tools"
            raise DefinitionError(where, problem, "rename it with .clone(id)")
        arms.append((_is(name), _call_workflow(name, workflow, toolbox, raises=raises)))
    return Workflow("call", input=CallPlace).branch(*arms)


def _is_none_of(names: Iterable[str]) -> Callable[[CallPlace], bool]:
    known = frozenset(names)
    return lambda place: place.name not in known


def _is(name: str) -> Callable[[CallPlace], bool]:
    return lambda place: place.name == name


def _call_workflow(
    name: str, workflow: Workflow[Any, Any], toolbox: Toolbox, *, raises: bool
) -> Workflow[Any, Any]:
    """Return the workflow that calls another one and records the answer."""

    @step(id="arguments", output=Any)
    async def take_input(place: CallPlace, ctx: StepContext[Any]) -> Any:
        arguments = read_arguments(_request(place, ctx).arguments)
        is_wrapped = ctx.json_schema(workflow.input).get("type") != "object"
        return arguments[INPUT] if is_wrapped and arguments.keys() == {INPUT} else arguments

    @step(id="answer", output=str)
    async def record(collected: dict[str, Any], ctx: StepContext[Any]) -> str:
        place: CallPlace = ctx.init_data
        outcome = collected["run"]
        if isinstance(outcome, Failed):
            _raise_if(outcome.error, raises=raises)
            error = outcome.error
            answer = ToolAnswer(place.id, name, f"{type(error).__name__}: {error}", is_error=True)
        else:
            answer = toolbox.answered(_request(place, ctx), outcome.value, ctx)
        ctx.set_private_state(NAMESPACE, {place.key: to_keep(answer)})
        return place.id

    run: Any = Workflow("run", input=CallPlace).then(take_input).then(workflow)
    whole: Any = Workflow(name, input=CallPlace)
    return whole.parallel(run, on_error="collect").then(record)  # type: ignore[no-any-return]


def _request(place: CallPlace, ctx: RunContext[Any]) -> ToolRequest:
    turn = ctx.private_state(NAMESPACE)[turn_key(place.place, place.turn)]
    request: ToolRequest = turn.said.calls[place.index]
    return request


def _raise_if(error: BaseException, *, raises: bool) -> None:
    """Raise an error that is not for the model."""
    if isinstance(error, NonRetryableError | Tripwire) or not isinstance(error, Exception):
        raise error
    is_about_input = isinstance(error, InvalidValueError | json.JSONDecodeError)
    if raises and not is_about_input:
        raise error
