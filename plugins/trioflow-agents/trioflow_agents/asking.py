"""One request to the model: what it is asked, and what its pieces say together."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

from attrs import define, field

from trioflow import StepContext, Tool, tool
from trioflow_agents.conversation import NAMESPACE, Turn, messages_of
from trioflow_agents.errors import ModelError
from trioflow_agents.genai import MODEL, Observed
from trioflow_agents.messages import Assistant, ToolRequest
from trioflow_agents.model import (
    NO_USAGE,
    ArgumentsDelta,
    Finish,
    Model,
    ModelRequest,
    Piece,
    ProvisionalText,
    ToolDescription,
    Usage,
)
from trioflow_agents.opening import use_model
from trioflow_agents.replies import check_piece, mended
from trioflow_agents.tools import Toolbox, object_with

ANSWER_TOOL = "final_answer"
"""The tool by which a model answers that takes no schema."""

FILTERED = "content_filter"
"""Why a reply ended that the provider, or the model, refused to give."""

ModelTool: TypeAlias = Tool[..., Any]


def answer_tool_of(model: Model, output: Any) -> str | None:
    """Return the tool by which a model answers; None if it answers by its text."""
    return None if output is str or model.takes_schema else ANSWER_TOOL


def model_tool(
    agent: str, model: Model, toolbox: Toolbox, output: Any, *, provisional: bool
) -> ModelTool:
    """Return the streaming tool by which an agent asks its model; its id is that of the agent.

    Args:
      output: Type of the agent's output.
      provisional: Whether output guards will judge the text.
    """

    @tool(id=agent, description=f"asks {model.name}")
    async def ask_model(place: str, turn: int, ctx: StepContext[Any]) -> AsyncIterator[Any]:
        request = _request(place, model, toolbox, output, ctx)
        observed = Observed(model, ctx, request)
        try:
            async with use_model(model, ctx) as opened, opened.stream(request) as pieces:
                async for piece in pieces:
                    check_piece(piece)
                    observed.add(piece)
                    if provisional and isinstance(piece, str):
                        yield ProvisionalText(piece)
                    elif isinstance(piece, Usage) and model.prices is not None:
                        yield model.prices.of(piece)
                    else:
                        yield piece
        finally:
            observed.end(sys.exception())

    setattr(ask_model.fn, MODEL, model)
    return ask_model


def _request(
    place: str, model: Model, toolbox: Toolbox, output: Any, ctx: StepContext[Any]
) -> ModelRequest:
    messages = tuple(messages_of(ctx.private_state(NAMESPACE), place))
    tools = toolbox.describe(ctx)
    if output is str:
        return ModelRequest(messages, tools)
    schema = ctx.json_schema(output)
    if model.takes_schema:
        return ModelRequest(messages, tools, schema)
    answer = ToolDescription(ANSWER_TOOL, "Call it with the final answer.", _of_object(schema))
    return ModelRequest(messages, (*tools, answer))


def _of_object(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema for the arguments of the answer tool, which are an object."""
    if schema.get("type") == "object":
        return schema
    return object_with("answer", schema)


NO_FINISH = Finish("")


@define
class Reply:
    """What the pieces of a reply say so far."""

    text: list[str] = field(factory=list)
    calls: dict[str, list[str]] = field(factory=dict)
    names: dict[str, str] = field(factory=dict)
    usage: Usage = NO_USAGE
    finish: Finish = NO_FINISH

    def add(self, piece: Piece | ProvisionalText) -> None:
        """Add the next piece."""
        match piece:
            case str():
                self.text.append(piece)
            case ProvisionalText(text):
                self.text.append(text)
            case ArgumentsDelta(call_id, name, delta):
                self.names[call_id] = name
                self.calls.setdefault(call_id, []).append(delta)
            case Usage():
                self.usage += piece
            case Finish():
                self.finish = piece

    def turn(self, answer_tool: str | None = None) -> Turn:
        """Return the turn that the reply is.

        Args:
          answer_tool: The tool by which the model may answer; None if it has none.

        Raises:
          ModelError: if the provider has stopped it.
        """
        text = mended("".join(self.text))
        if self.finish.reason == FILTERED:
            problem = f"its provider has stopped the reply, which began: {text[:200]!r}"
            raise ModelError(problem, code=FILTERED, request_id=self.finish.response_id)
        calls = [
            ToolRequest(id, self.names[id], mended("".join(part)))
            for id, part in self.calls.items()
        ]
        answer = next((call for call in calls if call.name == answer_tool), None)
        said = Assistant(text, calls)
        if answer is not None:  # then other calls have no purpose any more
            said = Assistant(answer.arguments)
        finish = self.finish
        return Turn((said,), self.usage, finish.reason, finish.response_id, finish.model)
