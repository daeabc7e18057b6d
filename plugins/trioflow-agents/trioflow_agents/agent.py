"""Agents: a model that calls tools until it has an answer, as a workflow."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, get_args

from trioflow import Step, Tool, Workflow
from trioflow.errors import DefinitionError, StepTimeoutError
from trioflow.limits import Limit
from trioflow.retry import Retry
from trioflow_agents.asking import ANSWER_TOOL, answer_tool_of, model_tool
from trioflow_agents.conversation import Talk
from trioflow_agents.delegating import calling
from trioflow_agents.errors import ModelError
from trioflow_agents.genai import agent_metadata
from trioflow_agents.model import Model
from trioflow_agents.options import Options
from trioflow_agents.steps import AgentSteps, History
from trioflow_agents.stopping import Stop
from trioflow_agents.tools import Toolbox

ToolErrors = Literal["report", "raise"]
MODEL_RETRY = Retry(
    attempts=4,
    delay=0.5,
    backoff=2.0,
    max_delay=60.0,
    jitter=0.2,
    on=(ModelError, StepTimeoutError),
    when=lambda error: getattr(error, "retryable", True),
)
"""How a request is retried by default: after faults that may pass, and after the time-out of a
request. What the provider asks for in ``Retry-After`` counts."""


def Agent(  # noqa: N802 - it reads as what it makes: a Workflow that is an agent
    id: str,
    *,
    model: Model,
    instructions: str | History = "",
    tools: Iterable[Tool[..., Any] | Workflow[Any, Any] | str] = (),
    input: Any = str,
    output: Any = str,
    prompt: History | None = None,
    history: History | None = None,
    stop: Stop = Stop(),  # noqa: B008 - it is frozen
    tool_errors: ToolErrors = "report",
    parallel_tools: int = 8,
    max_result: int = 50_000,
    repairs: int = 2,
    input_guards: Iterable[Step[Any, Any]] = (),
    output_guards: Iterable[Step[Any, Any]] = (),
    retry: Retry | None = MODEL_RETRY,
    timeout: float | None = 120.0,
    limit: str | Limit | None = None,
    description: str = "",
) -> Workflow[Any, Any]:
    """Return an agent: a workflow that asks a model, makes the tool calls it wants, and repeats.

    It is used like any other workflow. Each turn of the model and each tool call is a recorded call
    of its own: after a crash no recorded turn is asked again, and no recorded tool call is made
    again. The text streams as the ``tool-call-delta`` events of a tool whose id is *id*.

    Args:
      id: Id of the workflow.
      model: The model.
      instructions: What the model is told first; or a function of ``(input, ctx)``.
      tools: The tools that the model may call, or ids of tools that the engine knows. Workflows and
        other agents are called like tools; a model knows them by their ids and descriptions.
      input: Type of the input.
      output: Type of the output. For other types than ``str`` the model is given the JSON Schema.
      prompt: A function of ``(input, ctx)`` that returns what the user says: a string, a message or
        several. Default: strings and messages as they are, other values as JSON.
      history: A function of ``(input, ctx)`` that returns the messages before that.
      stop: When the agent stops although the model would continue.
      tool_errors: Whether exceptions of tools are reported to the model, or raised. Tools that do
        not exist, arguments that do not fit, and refusals are always reported;
        `NonRetryableError` and `Tripwire` are always raised.
        A tool that calls ``ctx.bail`` ends the agent with that value.
      parallel_tools: How many tool calls of one turn run at the same time.
      max_result: How many characters of a tool's output the model gets; the rest is cut off.
      repairs: How often the model is told what is wrong with its output.
      input_guards: Steps that get an `Incoming` before the model does, and return one.
      output_guards: Steps that get an `Outgoing` after each turn, and return one. Text is then
        streamed as `ProvisionalText`.
      retry: How a request to the model is retried. The pieces of a failed attempt are void.
      timeout: Seconds that one request may take.
      limit: The limit that counts requests.
      description: One sentence for listings.

    Functions may be plain or async.

    Raises:
      DefinitionError: if an option is wrong.
    """
    where = f"agent {id!r}"
    if tool_errors not in get_args(ToolErrors):
        raise DefinitionError(where, f"tool_errors is {tool_errors!r}", 'use "report" or "raise"')
    options = Options(where)
    options.check_model(model)
    options.check_stop(stop)
    options.check_number("max_result", max_result, 1)
    options.check_number("repairs", repairs, 0)
    before = options.listed("input_guards", input_guards)
    after = options.listed("output_guards", output_guards)
    options.check_guards(after)
    toolbox = Toolbox.of(options.listed("tools", tools), max_result, where)
    if output is not str:
        options.check_answer_tool(ANSWER_TOOL, (*toolbox.tools, *toolbox.workflows))
    steps = AgentSteps(
        id,
        instructions,
        history,
        prompt,
        output,
        stop,
        toolbox,
        tool_errors,
        repairs,
        bool(after),
        answer_tool_of(model, output),
    )
    ask_model = model_tool(id, model, toolbox, output, provisional=bool(after))
    asked = steps.model(ask_model, retry, timeout, limit)
    turn: Any = Workflow("turn", input=Talk, output=Talk).then(asked)
    if after:
        turn = turn.map(steps.outgoing, id="outgoing")
        turn = _then_all(turn, after).then(steps.settle())
    turn = turn.map(steps.calls, id="calls")
    call = calling(toolbox, steps.tool(), raises=tool_errors == "raise", where=where)
    turn = turn.foreach(call, concurrency=parallel_tools, on_error="finish")
    turn = turn.map(steps.answers, id="answers")
    about = agent_metadata(id, model)
    agent: Any = Workflow(id, input=input, output=output, description=description, metadata=about)
    agent = _then_all(agent.then(steps.begin()), before).then(steps.open())
    whole: Workflow[Any, Any] = agent.dountil(turn, _is_done).then(steps.result())
    return whole


def _is_done(talk: object) -> bool:
    return not isinstance(talk, Talk) or talk.done  # a tool or guard has ended the turn with bail


def _then_all(workflow: Workflow[Any, Any], guards: Iterable[Step[Any, Any]]) -> Any:
    for guard in guards:
        workflow = workflow.then(guard)
    return workflow
