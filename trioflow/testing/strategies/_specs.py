"""Specs: descriptions of workflows as plain values, which strategies draw and `build` builds.

A spec describes a workflow completely. It can be printed, compared, and interpreted without the
engine. Durations are sums of binary fractions, so that virtual times are exact. Timeouts end in
odd eighths and waits for events in odd 64ths, so that they never coincide with each other or
with anything else.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import attrs

from trioflow.nodes import OnError
from trioflow.retry import Retry


# ---------------------------------------------------------------- what a body does
@attrs.frozen
class Write:
    """Write some chunks."""

    chunks: int


@attrs.frozen
class Nap:
    """Sleep."""

    seconds: float
    cleanup: float = 0.0
    """Seconds of shielded clean-up after a cancellation."""


@attrs.frozen
class SetState:
    """Set a key of the shared state that is unique to this step and attempt."""


@attrs.frozen
class Fail:
    """Raise in the first attempts, or always if there are fewer attempts."""

    attempts: int = 99
    fatal: bool = False
    """Raise a NonRetryableError."""
    one_in: int = 1
    """Raise only for one in this many values."""


@attrs.frozen
class FailInFirstRound:
    """Raise unless an enclosing workflow is in its second or a later attempt."""


@attrs.frozen
class ToolSpec:
    """A tool, which may also be a node."""

    id: str
    pieces: int | None = None
    """Number of pieces that a streaming tool yields; None for a tool that does not stream."""
    seconds: float = 0.0
    """How long it sleeps before it returns, or before each piece."""
    fails: bool = False
    """Whether it raises at the end."""
    limit: str | None = None


@attrs.frozen
class UseTool:
    """Call a tool."""

    tool: ToolSpec
    catches: bool = False
    """Whether the body continues if the tool fails."""
    take: int | None = None
    """Number of pieces to take before closing the stream; None for a plain call."""


@attrs.frozen
class Await:
    """Wait for an event in the middle of the body."""

    event: str
    timeout: float | None


@attrs.frozen
class Ask:
    """Ask a question, with or without a label."""

    label: str | None


@attrs.frozen
class Bail:
    """Bail out of the innermost workflow."""


@attrs.frozen
class CancelRun:
    """Cancel the run and continue."""


Op: TypeAlias = (
    Write | Nap | SetState | Fail | FailInFirstRound | UseTool | Await | Ask | Bail | CancelRun
)


# ---------------------------------------------------------------- what a node runs
@attrs.frozen
class FallbackSpec:
    """The fallback of a step: it sleeps, and then returns a number or raises."""

    seconds: float = 0.0
    fails: bool = False
    sets_state: bool = False
    """Whether it sets a key of the shared state that is unique to this step."""
    is_async: bool = True
    """A plain function does not sleep."""


@attrs.frozen
class StepSpec:
    """A step: a list of ops to execute."""

    id: str
    ops: tuple[Op, ...] = ()
    retry: Retry | None = None
    timeout: float | None = None
    limit: str | None = None
    only_int: bool = False
    """Whether its input type is int, so that other values are refused."""
    fallback: FallbackSpec | None = None


@attrs.frozen
class WorkflowSpec:
    """A sequence of nodes."""

    id: str
    nodes: tuple[NodeSpec, ...] = ()
    retry: Retry | None = None
    """For its steps without a retry, including those of nested workflows."""


TargetSpec: TypeAlias = StepSpec | ToolSpec | WorkflowSpec


# ---------------------------------------------------------------- nodes
@attrs.frozen
class ThenSpec:
    target: TargetSpec


@attrs.frozen
class ParallelSpec:
    arms: tuple[TargetSpec, ...]
    on_error: OnError = "cancel"


@attrs.frozen
class BranchSpec:
    arms: tuple[tuple[Literal["true", "false", "raises"], TargetSpec], ...]
    on_error: OnError = "cancel"


@attrs.frozen
class LoopSpec:
    target: TargetSpec
    times: int
    until: bool = False


@attrs.frozen
class ForEachSpec:
    """A mapping that makes a list, and a foreach over it."""

    target: TargetSpec
    items: int
    concurrency: int = 1
    on_error: OnError = "cancel"


@attrs.frozen
class MapSpec:
    id: str
    how: Literal["function", "async function", "raises", "object", "nowhere"]
    """``nowhere``: an object with a source that does not exist."""
    step: str | None = None
    """The earlier step whose output an object uses."""


@attrs.frozen
class SleepSpec:
    id: str
    how: Literal["seconds", "function", "raises", "until past", "until far"]
    seconds: float = 0.0


@attrs.frozen
class WaitSpec:
    event: str
    target: TargetSpec
    timeout: float | None = None


NodeSpec: TypeAlias = (
    ThenSpec | ParallelSpec | BranchSpec | LoopSpec | ForEachSpec | MapSpec | SleepSpec | WaitSpec
)


# ---------------------------------------------------------------- parts of specs
def parts(spec: Any) -> tuple[Any, ...]:
    """Return a spec and all specs inside it, tools and ops included."""
    if isinstance(spec, tuple):
        return tuple(part for one in spec for part in parts(one))
    if not attrs.has(type(spec)) or isinstance(spec, Retry):
        return ()
    return (spec, *parts(tuple(attrs.astuple(spec, recurse=False))))
