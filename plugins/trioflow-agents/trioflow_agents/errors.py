"""What can go wrong with models and agents."""

from __future__ import annotations

import re

from attrs import define, field

from trioflow import NonRetryableError, TrioflowError

LONGEST = 2000
"""Most characters of what is kept of a provider's words; error pages may be longer."""
_CUT = re.compile(r" \[\d+ more characters\]\Z")


def shortened(text: str) -> str:
    """Return a text that is not too long to keep; a converter."""
    if len(text) <= LONGEST:
        return text
    kept = LONGEST - 50
    return f"{text[:kept]} [{len(text) - kept} more characters]"


def _short_or_none(text: str | None) -> str | None:
    return None if text is None else shortened(text)


def cut_at(text: str) -> int:
    """Return where a text was shortened; its length if it was not."""
    cut = _CUT.search(text)
    return len(text) if cut is None else cut.start()


RETRYABLE = frozenset({408, 409, 429})
"""HTTP statuses below 500 after which the same request may succeed."""


@define(eq=False, repr=False)
class ModelError(TrioflowError):
    """Raised when a model does not reply."""

    problem: str = field(converter=shortened)
    """What happened, in the provider's words; the beginning of long ones."""
    status: int | None = None
    """HTTP status; None if there was no response."""
    code: str | None = field(default=None, converter=_short_or_none)
    """The provider's code, such as ``"context_length_exceeded"``."""
    request_id: str | None = field(default=None, converter=_short_or_none)
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
