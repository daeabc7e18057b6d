"""What the guardrails of an agent see."""

from __future__ import annotations

from attrs import field, frozen

from trioflow_agents.messages import Message, ToolRequest, calls_from, messages_from


@frozen
class Incoming:
    """What goes in: the value of input guards. Return it, changed or not, or raise `Tripwire`."""

    messages: tuple[Message, ...] = field(converter=messages_from)


@frozen
class Outgoing:
    """What came out in a turn: the value of output guards, used like `Incoming`."""

    text: str
    calls: tuple[ToolRequest, ...] = field(default=(), converter=calls_from)
