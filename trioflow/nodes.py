"""The nodes of a workflow. Plain values, which the engine interprets."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import attrs

from trioflow.mapping import Source
from trioflow.steps import Step
from trioflow.tools import Tool

if TYPE_CHECKING:
    from trioflow.workflow import Workflow

Target: TypeAlias = "Step[Any, Any] | Tool[..., Any] | Workflow[Any, Any] | str"
"""The target of a node. A string is the id of a definition that a plugin provides."""
Function: TypeAlias = Callable[..., Any] | Callable[..., Awaitable[Any]]
"""Takes ``(data)`` or ``(data, ctx)``, plain or async."""
FailingOnError = Literal["cancel", "finish"]
"""What a failure does to its siblings before it fails the workflow: it cancels them, or lets the
running ones finish."""
OnError = FailingOnError | Literal["collect"]
"""The same, or ``"collect"``: all siblings finish, and their outcomes are values."""
ON_ERROR: tuple[str, ...] = ("cancel", "finish", "collect")
"""The values of `OnError`."""


@attrs.frozen(eq=False)
class Then:
    """Run one target."""

    target: Target


@attrs.frozen(eq=False)
class Parallel:
    """Run all arms concurrently with the same input; the output maps ids to outputs."""

    arms: tuple[Target, ...]
    on_error: OnError


@attrs.frozen(eq=False)
class Branch:
    """Run the arms whose conditions hold, concurrently."""

    arms: tuple[tuple[Function, Target], ...]
    on_error: OnError


@attrs.frozen(eq=False)
class Loop:
    """Run the target, test the condition on its output, and repeat with that output."""

    target: Target
    condition: Function
    until: bool
    """True: loop until the condition holds. False: loop while it holds."""


@attrs.frozen(eq=False)
class ForEach:
    """Run the target once per item of a list; the output is the list of outputs."""

    target: Target
    concurrency: int
    on_error: OnError


@attrs.frozen(eq=False)
class Map:
    """Compute a value, or build an object from sources."""

    id: str
    spec: Function | Mapping[str, Source]


@attrs.frozen(eq=False)
class Sleep:
    """Wait, then pass the value on."""

    id: str
    seconds: float | Function


@attrs.frozen(eq=False)
class SleepUntil:
    """Wait until a point in time, then pass the value on."""

    id: str
    when: datetime | Function


@attrs.frozen(eq=False)
class WaitForEvent:
    """Wait for a named event, then run the target with the event's data as resume data."""

    event: str
    target: Target
    timeout: float | None


Node: TypeAlias = (
    Then | Parallel | Branch | Loop | ForEach | Map | Sleep | SleepUntil | WaitForEvent
)


def target_id(target: Target) -> str:
    """Return the id of a target."""
    return target if isinstance(target, str) else target.id


def targets_of(node: Node) -> tuple[Target, ...]:
    """Return the targets of a node, in the order of declaration."""
    match node:
        case Then() | Loop() | ForEach() | WaitForEvent():
            return (node.target,)
        case Parallel():
            return node.arms
        case Branch():
            return tuple(target for _, target in node.arms)
        case Map() | Sleep() | SleepUntil():  # pragma: no branch - the last kinds
            return ()


def ids_of(node: Node) -> tuple[str, ...]:
    """Return the ids of the calls that a node makes, in the order of declaration."""
    if isinstance(node, Map | Sleep | SleepUntil):
        return (node.id,)
    return tuple(target_id(target) for target in targets_of(node))
