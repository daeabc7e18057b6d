"""What can be read of agents in runs, while they run and afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import frozen

from trioflow import Run, RunRecord
from trioflow import events as ev
from trioflow_agents.conversation import NAMESPACE, Turn, agent_of, messages_of
from trioflow_agents.messages import Message, ToolRequest
from trioflow_agents.model import ProvisionalText, Usage
from trioflow_agents.steps import AgentResult


def history(run: Run[Any, Any] | RunRecord, agent: str | None = None) -> tuple[Message, ...]:
    """Return the messages of a conversation, also while it is going on.

    Args:
      run: The run, or its record.
      agent: Id of the agent; default: the first one of the run. Of several conversations of an
        agent, the last one counts.
    """
    kept = _kept(run)
    places = _places(kept)
    if agent is None and places:
        agent = agent_of(places[0])
    of_agent = [place for place in places if agent_of(place) == agent]
    return tuple(messages_of(kept, of_agent[-1])) if of_agent else ()


@frozen
class SpokenTurn:
    """What a model has said in one turn."""

    agent: str
    """Id of the agent."""
    text: str
    calls: tuple[ToolRequest, ...]
    usage: Usage
    is_draft: bool
    """Whether output guards have not let it through."""


def spoken_turns(run: Run[Any, Any] | RunRecord) -> tuple[SpokenTurn, ...]:
    """Return what the models of all agents of a run have said, in the order of their turns."""
    return tuple(
        SpokenTurn(agent_of(key), turn.said.text, turn.said.calls, turn.usage, turn.is_draft)
        for key, turn in _kept(run).items()
        if isinstance(turn, Turn) and not key.endswith("#0")
    )


def usage_of(run: Run[Any, Any] | RunRecord) -> Usage:
    """Return the tokens that all agents of a run have used so far."""
    turns = (value for value in _kept(run).values() if isinstance(value, Turn))
    return sum((turn.usage for turn in turns), Usage())


def agent_results(run: Run[Any, Any] | RunRecord) -> dict[str, AgentResult]:
    """Return how the agents of a run ended, by their ids; of several calls, the last one."""
    return {
        agent_of(key): value for key, value in _kept(run).items() if isinstance(value, AgentResult)
    }


def fold_text(events: Iterable[ev.Event], agent: str | None = None) -> str:
    """Return the text that an agent has streamed, without the pieces of failed attempts.

    Args:
      events: Events of a run.
      agent: Id of the agent; default: all of them.
    """
    pieces: dict[str, list[str]] = {}
    for event in events:
        if isinstance(event, ev.StepRetry):
            pieces.pop(event.address, None)
        elif isinstance(event, ev.ToolCallDelta) and agent in (None, event.name):
            text = text_of(event.delta)
            if text is not None:
                pieces.setdefault(event.address, []).append(text)
    return "".join(piece for part in pieces.values() for piece in part)


def text_of(delta: object) -> str | None:
    """Return the text of a piece; None if it is none."""
    if isinstance(delta, ProvisionalText):
        return delta.text
    return delta if isinstance(delta, str) else None


def _kept(run: Run[Any, Any] | RunRecord) -> dict[str, Any]:
    record = run if isinstance(run, RunRecord) else run.record
    return record.private.get(NAMESPACE, {})


def _places(kept: Iterable[str]) -> list[str]:
    return [key.removesuffix("#0") for key in kept if key.endswith("#0")]
