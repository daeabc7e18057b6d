"""The values that steps, runs and users see: progress, questions, answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from attrs import field, frozen


@frozen
class McpProgress:
    """A chunk of the step that calls a tool: how far the tool is."""

    tool: str
    """Id of the tool."""
    progress: float
    total: float | None = None
    """What *progress* is out of, if the server knows."""
    message: str | None = None


@frozen
class Elicitation:
    """The question of a tool's server, with which a run is suspended. See `ElicitationAnswer`."""

    tool: str
    """Id of the tool."""
    message: str
    """The question, for people."""
    schema: Mapping[str, Any] | None = field(default=None, hash=False)
    """JSON Schema of the content to answer with: an object with plain properties."""
    url: str | None = None
    """A page to visit before accepting, if the server does not ask for content."""


@frozen
class ElicitationAnswer:
    """The answer to an `Elicitation`."""

    action: Literal["accept", "decline", "cancel"]
    """``"decline"`` says no. ``"cancel"`` means that nobody has decided."""
    content: Mapping[str, Any] | None = field(default=None, hash=False)
    """With ``"accept"``: what the question's schema asks for."""
