"""Tools that somebody must approve before they run."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Generic, Literal, TypeVar

from attrs import field, frozen

from trioflow import StepContext, Tool
from trioflow_agents.errors import ToolRefusedError
from trioflow_agents.tools import CALL_ID

Digest = TypeVar("Digest")
_ITEM = re.compile(r"\[(\d+)\]")


@frozen
class ApprovalRequest:
    """The question: may this tool be called with these arguments?"""

    tool: str
    arguments: Mapping[str, Any] = field(hash=False)
    digest: str
    """Identifies tool and arguments; the approval must repeat it."""


@frozen
class Approved(Generic[Digest]):
    """The answer yes."""

    digest: Digest
    """The digest of what was approved."""
    arguments: dict[str, Any] | None = field(default=None, hash=False)
    """Other arguments to call the tool with; None for those of the request."""


@frozen
class Refused:
    """The answer no. The model is told, and the conversation continues."""

    reason: str


def approval(
    tool: Tool[..., Any],
    *,
    when: Callable[[Mapping[str, Any]], bool] | None = None,
    label: str | Callable[[Mapping[str, Any]], str] | None = None,
    timeout: float | None = None,
) -> Tool[..., Any]:
    """Return a tool that asks for approval, and then calls *tool*.

    It suspends the run with an `ApprovalRequest`, to be resumed with `Approved` or `Refused`. The
    approval holds for the arguments that were shown and no others: with another digest, ``resume``
    raises `InvalidValueError`, and the question stays open.

    Args:
      tool: The tool.
      when: A function of the arguments: whether approval is needed. Default: always.
      label: The label to answer by, or a function of the arguments that returns it. Default: the
        tool's id, in an agent followed by ``":"`` and the id of the call, so that several calls can
        wait at the same time: ``"pay:call-1"``. If the agent is in items of loops, or called by
        another agent, their indexes follow: ``"pay:call-1:0"``.
      timeout: Seconds after which the call fails with `AskTimeoutError`.
    """

    async def ask_first(ctx: StepContext[Any], **arguments: Any) -> Any:
        if when is None or when(arguments):
            name = label(arguments) if callable(label) else label
            arguments = await _ask(ctx, tool.id, arguments, name, timeout)
        return await ctx.call_tool(tool, **arguments)

    return Tool.from_schema(
        tool.id,
        ask_first,
        tool.schema,
        description=tool.description,
        output=tool.output,
        metadata=tool.metadata,
    )


async def _ask(
    ctx: StepContext[Any],
    tool: str,
    arguments: dict[str, Any],
    label: str | None,
    timeout: float | None,
) -> dict[str, Any]:
    """Return the approved arguments.

    Raises:
      ToolRefusedError: if the call is refused.
    """
    request = ApprovalRequest(tool, arguments, digest_of(tool, arguments))
    # An answer with another digest does not fit this type, so the run refuses it and keeps waiting.
    answer: Any = Approved[Literal[request.digest]] | Refused  # type: ignore[name-defined]
    decision: Approved[str] | Refused = await ctx.ask(
        request, answer, label or _label(tool, ctx), timeout
    )
    if isinstance(decision, Refused):
        raise ToolRefusedError(tool, decision.reason)
    if decision.digest != request.digest:  # the engine lacks the plugin, which checks it earlier
        raise ToolRefusedError(tool, "the approval is for another call")
    return arguments if decision.arguments is None else decision.arguments


def _label(tool: str, ctx: StepContext[Any]) -> str:
    """Return the label of a call. Items of loops around the agent may have equal ids of calls."""
    call_id = CALL_ID.get()
    if call_id is None:
        return tool
    *around, _ = _ITEM.findall(ctx.step_call_id.partition(":")[2])
    return ":".join((tool, call_id, *around))


def digest_of(tool: str, arguments: Mapping[str, Any]) -> str:
    """Return the digest of a tool call."""
    text = json.dumps([tool, arguments], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
