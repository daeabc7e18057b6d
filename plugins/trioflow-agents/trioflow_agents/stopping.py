"""Bounds of an agent."""

from __future__ import annotations

from collections.abc import Callable

from attrs import field, frozen, validators

from trioflow_agents.conversation import Talk, Turn


@frozen
class Stop:
    """When an agent stops that the model would continue.

    With a bound, the agent fails with `AgentStoppedError` when it would ask the model again.
    """

    turns: int = field(default=10, validator=validators.ge(1))
    """How many requests the model gets at most."""
    tokens: int | None = field(default=None, validator=validators.optional(validators.ge(1)))
    """With how many used tokens there is no further request."""
    when: Callable[[Turn], bool] | None = None
    """Called after the tools of each turn. If true, what the model said last is the output."""

    def bound(self, talk: Talk) -> str | None:
        """Return the bound that a conversation has reached, if it has reached one."""
        if talk.turn >= self.turns:
            return f"{self.turns} turns"
        if self.tokens is not None and talk.usage.total_tokens >= self.tokens:
            return f"{talk.usage.total_tokens} of {self.tokens} tokens"
        return None
