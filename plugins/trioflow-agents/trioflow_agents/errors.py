"""What can go wrong with models and agents."""

from __future__ import annotations

from attrs import define

from trioflow import NonRetryableError, TrioflowError

RETRYABLE = frozenset({408, 409, 429})
"""HTTP statuses below 500 after which the same request may succeed."""


@define(eq=False, repr=False)
class ModelError(TrioflowError):
    """Raised when a model does not reply."""

    problem: str
    """What happened, in the provider's words."""
    status: int | None = None
    """HTTP status; None if there was no response."""
    code: str | None = None
    """The provider's code, such as ``"context_length_exceeded"``."""
    request_id: str | None = None
    """Id of the request, for the provider's support."""
    retryable: bool = False
    """Whether the same request may succeed later."""
    retry_after: float | None = None
    """Seconds to wait before, as the provider asks."""

    def __str__(self) -> str:
        about = {"status": self.status, "code": self.code, "request": self.request_id}
        known = ", ".join(f"{name} {value}" for name, value in about.items() if value is not None)
        return f"the model did not reply: {self.problem}" + (f" ({known})" if known else "")


def is_retryable(status: int) -> bool:
    """Return whether a request may succeed after a response with this HTTP status."""
    return status in RETRYABLE or status >= 500


@define(eq=False, repr=False)
class AgentStoppedError(NonRetryableError):
    """Raised when an agent reaches a bound of its `Stop` without an answer."""

    agent: str
    bound: str
    """Which bound, and its value: ``"10 turns"``."""
    text: str
    """What the model said last."""

    def __str__(self) -> str:
        return f"agent {self.agent!r} was stopped after {self.bound}; give it a larger Stop(...)"


@define(eq=False, repr=False)
class ToolRefusedError(TrioflowError):
    """Raised in place of a tool call that was not approved. An agent tells its model."""

    tool: str
    reason: str

    def __str__(self) -> str:
        return f"the call of tool {self.tool!r} was refused: {self.reason}"
