"""Descriptions of workflows as plain values: what the strategies draw and `build` builds.

A spec says all that matters about a workflow and can be printed, compared and interpreted
by others than the engine. Durations are sums of binary fractions, so that virtual times
are exact; time-outs end in odd eighths and waits for events in odd 64ths, so that they
never fall together with each other or with anything else.
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
    """When canceled, work for so many more seconds in a shielded scope."""


@attrs.frozen
class SetState:
    """Set a key of the shared state that names this step and attempt."""


@attrs.frozen
class Fail:
    """Raise in the first attempts, or always if there are fewer attempts than that."""

    attempts: int = 99
    fatal: bool = False
    """Raise a NonRetryableError."""
    one_in: int = 1
    """Only for one in so many values."""


@attrs.frozen
class FailInFirstRound:
    """Raise unless a workflow around this step is in a later attempt."""


@attrs.frozen
class ToolSpec:
    """A tool; also a node."""

    id: str
    pieces: int | None = None
    """How many pieces a streaming tool yields; None for a tool that is none."""
    seconds: float = 0.0
    """How long it sleeps before it returns, or before each piece."""
    fails: bool = False
    """Whether it raises in the end."""
    limit: str | None = None


@attrs.frozen
class UseTool:
    """Call a tool."""

    tool: ToolSpec
    catches: bool = False
    """Whether the body goes on when the tool fails."""
    take: int | None = None
    """Take so many pieces one by one and leave; None for a plain call."""


@attrs.frozen
class Await:
    """Wait for an event in the middle of the body."""

    event: str
    timeout: float | None


@attrs.frozen
class Ask:
    """Ask a question, with a label of its own or without one."""

    label: str | None


@attrs.frozen
class Bail:
    """End the innermost workflow."""


@attrs.frozen
class CancelRun:
    """Cancel the run and go on."""


Op: TypeAlias = (
    Write | Nap | SetState | Fail | FailInFirstRound | UseTool | Await | Ask | Bail | CancelRun
)


# ---------------------------------------------------------------- what a node runs
@attrs.frozen
class StepSpec:
    """A step: a list of things to do."""

    id: str
    ops: tuple[Op, ...] = ()
    retry: Retry | None = None
    timeout: float | None = None
    limit: str | None = None
    only_int: bool = False
    """Whether its input type is int, so that other values are refused."""


@attrs.frozen
class WorkflowSpec:
    """A sequence of nodes."""

    id: str
    nodes: tuple[NodeSpec, ...] = ()
    retry: Retry | None = None
    """For its steps that have none, nested workflows included."""


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
    """``nowhere``: an object with a source that leads nowhere."""
    step: str | None = None
    """The step before that an object takes something from."""


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


# ---------------------------------------------------------------- looking into specs
def parts(spec: Any) -> tuple[Any, ...]:
    """Return a spec and all specs inside it, tools and ops included."""
    if isinstance(spec, tuple):
        return tuple(part for one in spec for part in parts(one))
    if not attrs.has(type(spec)) or isinstance(spec, Retry):
        return ()
    return (spec, *parts(tuple(attrs.astuple(spec, recurse=False))))
