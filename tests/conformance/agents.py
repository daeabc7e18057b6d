"""Agents of the case format, built with the plugin, and told as the recorded engine tells them.

That engine tells of the text only, as one stream per agent: neither of turns nor of tools. Ours
tells of each turn and of each call, so most events inside an agent are left out here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from trioflow import Tool, Workflow
from trioflow import events as ev

from .expressions import UserError

PLUGIN = Path(__file__).parents[2] / "plugins" / "trioflow-agents"
try:
    import trioflow_agents as ta
except ImportError:  # it is not installed, and needs nothing but trioflow
    sys.path.append(str(PLUGIN))
    import trioflow_agents as ta


def make_agent(
    id: str, definition: Mapping[str, Any], tools: Sequence[Tool[..., Any]]
) -> Workflow[Any, Any]:
    """Return the agent of a definition, which takes ``{prompt}`` and gives ``{text}``."""
    spec = definition["model"]

    def reply(request: ta.ModelRequest) -> Any:
        if "fail" in spec:
            raise UserError(spec["fail"])
        if "callTool" in spec and not isinstance(request.messages[-1], ta.ToolAnswer):
            call = spec["callTool"]
            return ta.ToolRequest("call-1", call["tool"], _json({"value": call["args"]}))
        return ta.Scripted(spec["text"])

    agent = ta.Agent(
        "agent", model=ta.ScriptedModel(reply), tools=tools, input=Any, prompt=_prompt, timeout=None
    )
    return Workflow(id, input=Any).then(agent).map(lambda text: {"text": text}, id="text")


def _json(value: Any) -> str:
    return json.dumps(value)


def _prompt(value: Any, ctx: Any) -> str:
    return str(value["prompt"])


@attrs.define
class AgentStream:
    """What an agent has streamed so far."""

    id: str
    number: int
    args: Any
    has_begun: bool = False
    usage: ta.Usage = attrs.Factory(ta.Usage)


@attrs.define
class AgentTeller:
    """Tells of the agents in one stream of a run."""

    agents: frozenset[str]
    """Their ids."""
    is_old: bool
    """Whether text is told as pieces of a tool call's arguments."""
    streams: dict[str, AgentStream] = attrs.field(factory=dict)
    """By the address of the agent's step, or of its item in a foreach."""

    def own(self, event: ev.Event) -> str | None:
        """Return the full id of the agent that an event is of or inside of."""
        parts = event.id.split(".") if isinstance(event, ev.StepEvent) else []
        at = next((n for n, part in enumerate(parts) if part in self.agents), None)
        return None if at is None else ".".join(parts[: at + 1])

    def before(self, event: ev.StepEvent) -> list[dict[str, Any]]:
        """Return what is told before an event of the agent's step itself."""
        match event:
            case ev.StepStart():
                self._open(event.id, event.address, event.input)
                return []
            case ev.StepResult():
                stream = self.streams.get(event.address)
            case ev.StepProgress():
                stream = self.streams.get(f"{event.address}[{event.index}]")
            case _:
                return []
        return self._end(stream, event) if stream is not None and stream.has_begun else []

    def _open(self, id: str, address: str, value: Any) -> None:
        number = len(self.streams) + 1
        self.streams[address] = AgentStream(id.rpartition(".")[2], number, value)

    def inside(self, own: str, event: ev.Event) -> list[dict[str, Any]]:
        """Return what is told of an event inside of an agent."""
        if isinstance(event, ev.StepStart) and event.id == f"{own}.agent":
            address = event.address.rpartition("/")[0]
            if address not in self.streams:  # an item, which has no event of its start
                self._open(own, address, event.input)
        if not isinstance(event, ev.ToolEvent) or not _is_of_model(own, event):
            return []
        stream = self.streams.get(event.address.rsplit("/", 3)[0])
        if stream is None:  # the stream has begun in the middle of it
            return []
        if isinstance(event, ev.ToolCallStreamingStart):
            return self._begin(stream, event)
        if isinstance(event, ev.ToolCallDelta):
            return self._piece(stream, event)
        return []

    def _begin(self, stream: AgentStream, event: ev.Event) -> list[dict[str, Any]]:
        if stream.has_begun:
            return []
        stream.has_begun = True
        if self.is_old:
            call = {"name": stream.id, "args": stream.args}
            return [{"type": "tool-call-streaming-start", **call}]
        chunk = {"type": "step-start", "messageId": f"msg-{stream.number}"}
        return [_output(stream, event, {**chunk, "request": {}, "warnings": []})]

    def _piece(self, stream: AgentStream, event: ev.ToolCallDelta) -> list[dict[str, Any]]:
        piece = event.delta
        if isinstance(piece, ta.Usage):
            stream.usage += piece
        if not isinstance(piece, str):
            return []
        if self.is_old:
            call = {"name": stream.id, "args": stream.args}
            return [{"type": "tool-call-delta", **call, "argsTextDelta": piece}]
        return [_output(stream, event, {"type": "text-delta", "textDelta": piece})]

    def _end(self, stream: AgentStream, event: ev.Event) -> list[dict[str, Any]]:
        if self.is_old:
            call = {"name": stream.id, "args": stream.args}
            return [{"type": "tool-call-streaming-finish", **call}]
        usage = {
            "promptTokens": stream.usage.input_tokens,
            "completionTokens": stream.usage.output_tokens,
            "totalTokens": stream.usage.total_tokens,
        }
        response = {"id": f"aitxt-{stream.number}", "timestamp": event.at, "modelId": "mock"}
        common = {"finishReason": "stop", "usage": usage, "response": response}
        step = {"request": {}, "warnings": [], "isContinued": False}
        message = {"messageId": f"msg-{stream.number}"}
        return [
            _output(stream, event, {"type": "step-finish", **common, **step, **message}),
            _output(stream, event, {"type": "finish", **common}),
        ]


def _is_of_model(own: str, event: ev.ToolEvent) -> bool:
    return event.id == f"{own}.agent.turn.model"


def _output(stream: AgentStream, event: ev.Event, chunk: dict[str, Any]) -> dict[str, Any]:
    payload = {"stepName": stream.id, "output": chunk, "runId": event.run_id}
    envelope = {"type": "workflow-step-output", "runId": event.run_id, "from": "USER"}
    return {**envelope, "payload": payload}
