"""The steps of an agent. What they record is never asked for or run again."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from attrs import evolve, frozen

from trioflow import RunContext, Step, StepContext, step
from trioflow.limits import Limit
from trioflow.retry import Retry
from trioflow_agents.asking import ModelTool, Reply
from trioflow_agents.conversation import (
    NAMESPACE,
    CallPlace,
    Talk,
    Turn,
    calls_of,
    place_of,
    to_keep,
    turn_key,
)
from trioflow_agents.errors import AgentStoppedError
from trioflow_agents.guards import Incoming, Outgoing
from trioflow_agents.messages import Assistant, System, User
from trioflow_agents.model import Usage
from trioflow_agents.options import messages_in
from trioflow_agents.output import judge, structure_output
from trioflow_agents.stopping import Stop
from trioflow_agents.tools import Toolbox, as_text

History: TypeAlias = Callable[[Any, RunContext[Any]], Any]
"""Takes the input and the context, and returns messages; plain or async."""


@frozen
class AgentResult:
    """How an agent ended."""

    output: Any
    usage: Usage
    """The tokens of all its turns."""
    turns: int
    finish_reason: str


@frozen(eq=False)
class AgentSteps:
    """Makes the steps of one agent from its options."""

    id: str
    instructions: str | History
    history: History | None
    prompt: History | None
    output: Any
    stop: Stop
    toolbox: Toolbox
    tool_errors: Literal["report", "raise"]
    repairs: int
    has_output_guards: bool
    answer_tool: str | None
    """The tool by which the model answers; None if it answers by its text."""

    # ------------------------------------------------------------ before the first turn
    def begin(self) -> Step[Any, Incoming]:
        """Return the step that collects what the model is told first."""

        @step(id="begin", output=Incoming)
        async def begin(value: Any, ctx: StepContext[Any]) -> Incoming:
            text = self.instructions
            if callable(text):
                text = await _called(text, value, ctx)
            earlier = () if self.history is None else await _called(self.history, value, ctx)
            said = (
                _said(value, ctx) if self.prompt is None else await _called(self.prompt, value, ctx)
            )
            system = (System(text),) if text else ()
            before = messages_in(earlier, "what history= returned", self.id)
            return Incoming(
                (*system, *before, *messages_in(said, "what prompt= returned", self.id))
            )

        return begin

    def open(self) -> Step[Any, Talk]:
        """Return the step that begins the conversation with what the input guards let through."""

        @step(id="open", input=Incoming, output=Talk)
        async def open_talk(incoming: Incoming, ctx: StepContext[Any]) -> Talk:
            place = place_of(self.id, ctx)
            ctx.set_private_state(NAMESPACE, {turn_key(place, 0): Turn(incoming.messages)})
            return Talk(place)

        return open_talk

    # ------------------------------------------------------------ a turn
    def model(
        self,
        ask_model: ModelTool,
        retry: Retry | None,
        timeout: float | None,
        limit: str | Limit | None,
    ) -> Step[Any, Talk]:
        """Return the step that asks the model once."""

        @step(id="model", input=Talk, output=Talk, retry=retry, timeout=timeout, limit=limit)
        async def model(talk: Talk, ctx: StepContext[Any]) -> Talk:
            key = turn_key(talk.place, talk.turn + 1)
            turn = ctx.private_state(NAMESPACE).get(key)
            if turn is None:
                turn = await self._ask(ask_model, talk, ctx)
                ctx.set_private_state(NAMESPACE, {key: turn})
            return talk.after(turn)

        return model

    async def _ask(self, ask_model: ModelTool, talk: Talk, ctx: StepContext[Any]) -> Turn:
        bound = self.stop.bound(talk)
        if bound is not None:
            last = ctx.private_state(NAMESPACE)[talk.key].said.text
            raise AgentStoppedError(self.id, bound, last)
        reply = Reply()
        arguments = {"place": talk.place, "turn": talk.turn + 1}
        async with ctx.stream_tool(ask_model, **arguments) as pieces:
            async for piece in pieces:
                reply.add(piece)
        turn = reply.turn(self.answer_tool)
        if self.has_output_guards:
            return evolve(turn, is_draft=True)
        return self._judged(turn, talk, ctx)

    def _judged(self, turn: Turn, talk: Talk, ctx: StepContext[Any]) -> Turn:
        return judge(turn, self.output, self.id, ctx, self.repairs - talk.repairs)

    def outgoing(self, talk: Talk, ctx: RunContext[Any]) -> Outgoing:
        """Return what the output guards see of a turn."""
        said: Assistant = ctx.private_state(NAMESPACE)[talk.key].said
        return Outgoing(said.text, said.calls)

    def settle(self) -> Step[Any, Talk]:
        """Return the step that records what the output guards let through."""

        @step(id="settle", input=Outgoing, output=Talk)
        async def settle(outgoing: Outgoing, ctx: StepContext[Any]) -> Talk:
            talk: Talk = ctx.step_result("model")
            drafted: Turn = ctx.private_state(NAMESPACE)[talk.key]
            said = Assistant(outgoing.text, outgoing.calls)
            turn = self._judged(evolve(drafted, messages=(said,), is_draft=False), talk, ctx)
            ctx.set_private_state(NAMESPACE, {talk.key: turn})
            return evolve(talk, done=turn.ends, repairs=talk.repairs + turn.is_repaired)

        return settle

    def calls(self, talk: Talk, ctx: RunContext[Any]) -> list[CallPlace]:
        """Return the tool calls of a turn."""
        return calls_of(ctx.private_state(NAMESPACE), talk)

    def tool(self) -> Step[Any, str]:
        """Return the step that makes one tool call."""

        @step(id="tool", input=CallPlace, output=str)
        async def call_tool(place: CallPlace, ctx: StepContext[Any]) -> str:
            kept = ctx.private_state(NAMESPACE)
            if place.key not in kept:
                request = kept[turn_key(place.place, place.turn)].said.calls[place.index]
                raises = self.tool_errors == "raise"
                answer = await self.toolbox.answer(request, ctx, raises=raises)
                ctx.set_private_state(NAMESPACE, {place.key: to_keep(answer)})
            return place.id

        return call_tool

    def answers(self, data: Any, ctx: RunContext[Any]) -> Talk:
        """Return how far the conversation is after the tools of a turn."""
        last = "settle" if self.has_output_guards else "model"
        talk: Talk = ctx.step_result(last)
        if talk.done or self.stop.when is None:
            return talk
        stops = self.stop.when(ctx.private_state(NAMESPACE)[talk.key])
        return evolve(talk, done=True, finish_reason="stopped") if stops else talk

    # ------------------------------------------------------------ after the last turn
    def result(self) -> Step[Any, Any]:
        """Return the step that gives the output."""

        @step(id="result", input=Any, output=self.output)
        async def result(talk: Any, ctx: StepContext[Any]) -> Any:
            if not isinstance(talk, Talk):  # what a tool or a guard has ended the turn with
                ctx.bail(talk)
            text = ctx.private_state(NAMESPACE)[talk.key].said.text
            output = structure_output(text, self.output, self.id, ctx)
            ended = AgentResult(output, talk.usage, talk.turn, talk.finish_reason)
            ctx.set_private_state(NAMESPACE, {f"{talk.place}#result": ended})
            return output

        return result


async def _called(function: History, value: Any, ctx: RunContext[Any]) -> Any:
    result = function(value, ctx)
    return await result if inspect.isawaitable(result) else result


def _said(value: Any, ctx: StepContext[Any]) -> Any:
    """Return the message for an input: strings and messages as they are, other values as JSON."""
    return value if isinstance(value, User) else as_text(value, ctx)
