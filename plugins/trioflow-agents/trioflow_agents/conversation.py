"""Where a conversation is kept: in the private state of the run, one key per turn and answer.

So the journal grows with the conversation, and not with its square, as it would if each turn
passed the whole conversation on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import evolve, field, frozen

from trioflow import StepContext
from trioflow_agents.messages import Assistant, Message, ToolAnswer, ToolRequest, messages_from
from trioflow_agents.model import NO_USAGE, Usage

NAMESPACE = "trioflow-agents"
"""The name of the plugin's private state."""


_NOTHING = Assistant()


@frozen
class Turn:
    """What one request to the model has added to the conversation."""

    messages: tuple[Message, ...] = field(converter=messages_from)
    usage: Usage = NO_USAGE
    finish_reason: str = ""
    response_id: str | None = None
    model: str | None = None
    ends: bool = False
    """Whether its text is the output of the agent."""
    is_repaired: bool = False
    """Whether it holds faults of the output, for the model to repair."""
    is_draft: bool = False
    """Whether output guards have not let it through yet."""

    @property
    def said(self) -> Assistant:
        """What the model has said; empty in the turn of the user."""
        for message in self.messages:
            if isinstance(message, Assistant):
                return message
        return _NOTHING


@frozen
class Talk:
    """How far a conversation is; the value that the turns of an agent pass on."""

    place: str
    """The prefix of its keys."""
    turn: int = 0
    """How many requests the model has answered."""
    usage: Usage = NO_USAGE
    repairs: int = 0
    """How many outputs the model had to repair."""
    finish_reason: str = ""
    done: bool = False

    @property
    def key(self) -> str:
        """The key of the last turn."""
        return turn_key(self.place, self.turn)

    def after(self, turn: Turn) -> Talk:
        """Return how far the conversation is after another turn."""
        return evolve(
            self,
            turn=self.turn + 1,
            usage=self.usage + turn.usage,
            repairs=self.repairs + turn.is_repaired,
            finish_reason=turn.finish_reason,
            done=turn.ends,
        )


@frozen
class CallPlace:
    """Which call of which turn is to be made; the item of the agent's ``foreach``."""

    place: str
    turn: int
    index: int
    id: str
    name: str

    @property
    def key(self) -> str:
        """The key of its answer."""
        return f"{turn_key(self.place, self.turn)}.{self.index}"


def turn_key(place: str, turn: int) -> str:
    """Return the key of a turn; turn 0 is what was said before the model."""
    return f"{place}#{turn}"


def place_of(agent: str, ctx: StepContext[Any]) -> str:
    """Return a name for the conversation that begins with a step call."""
    return f"{agent}@{ctx.step_call_id}"


def agent_of(place: str) -> str:
    """Return the id of the agent that holds a conversation."""
    return place.partition("@")[0]


def messages_of(kept: Mapping[str, Any], place: str) -> Iterator[Message]:
    """Yield the messages of a conversation, the answers of tools after the turn that asked."""
    number = 0
    while (turn := kept.get(turn_key(place, number))) is not None:
        yield from turn.messages
        for index, call in enumerate(turn.said.calls):
            answer = kept.get(f"{turn_key(place, number)}.{index}")
            if answer is not None:
                yield _answer_of(call, answer)
        number += 1


def to_keep(answer: ToolAnswer) -> ToolAnswer | str:
    """Return what is kept of an answer.

    Of an output of a tool that is only the string that the tool has returned, which the journal
    has already and does not repeat.
    """
    return answer if answer.is_error else answer.content


def _answer_of(call: ToolRequest, kept: ToolAnswer | str) -> ToolAnswer:
    return ToolAnswer(call.id, call.name, kept) if isinstance(kept, str) else kept


def calls_of(kept: Mapping[str, Any], talk: Talk) -> list[CallPlace]:
    """Return the calls that the last turn asks for."""
    calls: tuple[ToolRequest, ...] = kept[talk.key].said.calls
    return [
        CallPlace(talk.place, talk.turn, index, call.id, call.name)
        for index, call in enumerate(calls)
    ]
