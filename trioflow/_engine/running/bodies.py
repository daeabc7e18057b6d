"""The bodies of leaves: what one attempt of a step, a tool or a mapping runs.

They return a value. Where possible, they are plain functions that return the coroutine of the
user's own function, without a coroutine around it for each step (shortcut `no-coroutine`).
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from trioflow._engine.base.plan import Body, Fallback, ToolPlan
from trioflow._engine.running.call import Call
from trioflow._engine.running.tool_calls import call_tool
from trioflow._engine.running.user_functions import Function
from trioflow._signature import ContextPlace, Parameter, Signature, count_positional
from trioflow._values.structure import as_mapping
from trioflow.abc import Runner
from trioflow.context import BlockingStepContext, StepContext
from trioflow.tools import Tool


def step_body(
    signature: Signature, fn: Callable[..., Awaitable[Any]], runner: Runner | None
) -> Body:
    """Return the body of a step; without a runner, *fn* is awaited in the run's own task."""
    if runner is not None:
        return _body_in_runner(signature, fn, runner)
    has_input = bool(signature.parameters)
    if signature.context is not None:
        return _body_with_context(fn, has_input, signature.context, signature.context_place)

    def with_input(call: Call, value: Any) -> Awaitable[Any]:
        return fn(value)

    def without(call: Call, value: Any) -> Awaitable[Any]:
        return fn()

    return with_input if has_input else without


def takes_input_alone(signature: Signature) -> bool:
    """Return whether the function of a step is called with only its input."""
    return bool(signature.parameters) and signature.context is None


def _body_with_context(
    fn: Callable[..., Awaitable[Any]], has_input: bool, name: str, place: ContextPlace
) -> Body:
    def body(call: Call, value: Any) -> Awaitable[Any]:
        context: StepContext[Any] = StepContext(call)
        values = (value,) if has_input else ()
        match place:
            case "first":
                return fn(context, *values)
            case "second":
                return fn(value, context)
            case "name":
                return fn(*values, **{name: context})

    return body


def _body_in_runner(signature: Signature, fn: Callable[..., Any], runner: Runner) -> Body:
    has_input, name, place = bool(signature.parameters), signature.context, signature.context_place
    make_context = BlockingStepContext if signature.kind == "blocking" else StepContext

    def body(call: Call, value: Any) -> Awaitable[Any]:
        context: StepContext[Any] = make_context(call)
        values: tuple[Any, ...] = (value,) if has_input else ()
        named = {}
        call.waits_since = call.scope.core.log.clock.current_time()
        if name is not None:
            match place:
                case "first":
                    values = (context, *values)
                case "second":
                    values = (*values, context)
                case "name":
                    named = {name: context}
        return runner.run(context, fn, *values, **named)

    return body


def fallback_of(fn: Callable[..., Any], where: str) -> Fallback:
    """Return the fallback of a step, a plain or async function of up to ``(error, ctx)``."""
    count = count_positional(fn, where)

    async def fall_back(error: BaseException, call: Call) -> Any:
        arguments = (error, StepContext[Any](call))[:count]
        value = fn(*arguments)
        return await value if inspect.isawaitable(value) else value

    return fall_back


def tool_body(plan: ToolPlan, tool: Tool[..., Any]) -> Body:
    """Return the body of a node that is a tool."""
    parameters = None if tool.given_schema is not None else tool.parameters

    def body(call: Call, value: Any) -> Awaitable[Any]:
        return call_tool(call, plan, (), arguments_from(value, parameters))

    return body


def arguments_from(value: Any, parameters: tuple[Parameter, ...] | None) -> Mapping[str, Any]:
    """Return the arguments of a tool from the input of its node.

    A single parameter takes the value itself; several take its keys or fields. A tool with its own
    schema, whose *parameters* are None, also takes its keys or fields. Fields that hold msgspec's
    ``UNSET`` are no arguments, unless they are required.
    """
    if parameters is not None and len(parameters) == 1:
        return {parameters[0].name: value}
    if parameters is not None and not parameters:
        return {}
    given = as_mapping(value, "mapping or object with the tool's arguments")
    required = {each.name for each in parameters or () if each.required}
    return {name: each for name, each in given.items() if name in required or not _is_unset(each)}


def _is_unset(value: Any) -> bool:
    return type(value).__name__ == "UnsetType"


def map_body(function: Function) -> Body:
    """Return the body of a mapping."""

    def body(call: Call, value: Any) -> Awaitable[Any]:
        return function(value, call)

    return body
