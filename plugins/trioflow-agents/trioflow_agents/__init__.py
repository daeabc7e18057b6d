"""A trioflow plugin for agents: language models that call tools, streamed and durable.

`Agent` makes a workflow of a `Model` and tools. The hooks at the end are how trioflow finds what
agents need: open models as a resource, and how pieces of replies look on the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from trioflow import RunRecord, Workflow, hookimpl
from trioflow.abc import Instrument
from trioflow.errors import Tripwire
from trioflow_agents.agent import MODEL_RETRY, Agent
from trioflow_agents.approving import ApprovalRequest, Approved, Refused, approval
from trioflow_agents.errors import (
    AgentStoppedError,
    ModelError,
    ToolRefusedError,
)
from trioflow_agents.genai import DescribingModels
from trioflow_agents.guards import Incoming, Outgoing
from trioflow_agents.messages import (
    Assistant,
    File,
    Image,
    Message,
    Part,
    System,
    Text,
    ToolAnswer,
    ToolRequest,
    User,
)
from trioflow_agents.model import (
    NO_USAGE,
    ArgumentsDelta,
    Finish,
    Model,
    ModelRequest,
    Piece,
    Prices,
    ProvisionalText,
    ToolDescription,
    Usage,
)
from trioflow_agents.opening import RESOURCE, open_models
from trioflow_agents.reading import (
    SpokenTurn,
    agent_results,
    fold_text,
    history,
    spoken_turns,
    usage_of,
)
from trioflow_agents.reviewing import EnvironmentModel, Review, review_workflow
from trioflow_agents.scripted import Scripted, ScriptedModel
from trioflow_agents.steps import AgentResult
from trioflow_agents.stopping import Stop
from trioflow_agents.wiring import register, write_usage

if TYPE_CHECKING:
    from cattrs import Converter

    from trioflow_agents.anthropic_model import AnthropicModel
    from trioflow_agents.openai_model import OpenAIModel

__all__ = [
    "MODEL_RETRY",
    "Agent",
    "AgentResult",
    "AgentStoppedError",
    "AnthropicModel",
    "ApprovalRequest",
    "Approved",
    "ArgumentsDelta",
    "Assistant",
    "File",
    "Finish",
    "Image",
    "Incoming",
    "Message",
    "Model",
    "ModelError",
    "ModelRequest",
    "OpenAIModel",
    "Outgoing",
    "Part",
    "Piece",
    "Prices",
    "ProvisionalText",
    "Refused",
    "Review",
    "Scripted",
    "ScriptedModel",
    "SpokenTurn",
    "Stop",
    "System",
    "Text",
    "ToolAnswer",
    "ToolDescription",
    "ToolRefusedError",
    "ToolRequest",
    "Tripwire",
    "Usage",
    "User",
    "agent_results",
    "approval",
    "fold_text",
    "history",
    "spoken_turns",
    "usage_of",
]

_CLIENTS = {
    "AnthropicModel": ("trioflow_agents.anthropic_model", "anthropic"),
    "OpenAIModel": ("trioflow_agents.openai_model", "openai"),
}
"""The models that need the client of a provider: their modules, and the extras for them."""

if not TYPE_CHECKING:  # or type checkers would accept any name

    def __getattr__(name: str) -> Any:
        if name not in _CLIENTS:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module, extra = _CLIENTS[name]
        try:
            # Written so, the command line sees that no commands are imported from elsewhere.
            return getattr(__import__(module, fromlist=[name]), name)
        except ModuleNotFoundError as exc:
            if exc.name != extra:
                raise
            remedy = f"pip install 'trioflow-agents[{extra}]'"
            raise ImportError(f"{name} needs the package {extra!r}: {remedy}") from exc


REVIEW = review_workflow(EnvironmentModel())


@hookimpl
def trioflow_resources() -> Mapping[str, Callable[[], Any]]:
    """Return the resource that holds open models."""
    return {RESOURCE: open_models}


@hookimpl
def trioflow_workflows() -> list[Workflow[Any, Any]]:
    """Return the example ``agents.review``."""
    return [REVIEW]


@hookimpl
def trioflow_usage(record: RunRecord) -> Mapping[str, Any] | None:
    """Return the tokens that all agents of a run have used, and what they cost."""
    used = usage_of(record)
    if used == NO_USAGE:
        return None
    return {key: number for key, number in write_usage(used).items() if key != "type"}


@hookimpl
def trioflow_instruments() -> list[Instrument]:
    """Return the instrument that says which spans are requests to models."""
    return [DescribingModels()]


@hookimpl
def trioflow_converter(converter: Converter) -> None:
    """Register how pieces of replies are written."""
    register(converter)
