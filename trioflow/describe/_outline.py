"""A workflow as an outline: one entry per node and target, nested like the workflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

import attrs

from trioflow._signature import name_of
from trioflow._values.structure import type_name
from trioflow.describe._source import source_of
from trioflow.mapping import Source
from trioflow.nodes import (
    Branch,
    ForEach,
    Function,
    Loop,
    Map,
    Node,
    Parallel,
    Sleep,
    SleepUntil,
    Target,
    Then,
    WaitForEvent,
    target_id,
)
from trioflow.steps import Step
from trioflow.tools import Tool
from trioflow.workflow import Workflow

Definition: TypeAlias = "Step[Any, Any] | Tool[..., Any] | Workflow[Any, Any]"
Resolve: TypeAlias = Callable[[str], "Definition | None"]
"""Returns the definition with an id, or None."""
Provider: TypeAlias = Callable[["Definition"], "str | None"]
"""Returns the name of the plugin that provides a definition, or None."""
OutlineKind = Literal[
    "workflow", "step", "tool", "unresolved", "parallel", "branch", "while", "until", "foreach",
    "map", "sleep", "wait",
]  # fmt: skip


@attrs.frozen
class Outline:
    """One entry of an outline, and the entries below it."""

    kind: OutlineKind
    label: str
    """Id of a step, tool, workflow or generated node; otherwise what the block does."""
    condition: str = ""
    """In a branch: the name of the condition of this entry, or the source of a lambda."""
    input: str = ""
    """The type of the input; empty if none is declared."""
    output: str = ""
    """The type of the output; empty if none is declared."""
    note: str = ""
    """More details, such as the keys that a mapping builds."""
    children: tuple[Outline, ...] = ()
    description: str = ""
    """The description of a step, tool or workflow."""
    plugin: str = ""
    """The plugin that provides a step, tool or workflow; empty if unknown."""

    @property
    def types(self) -> str:
        """The types of input and output, ``"City -> Forecast"``; empty if none is declared."""
        if not self.input and not self.output:
            return ""
        return f"{self.input or 'Any'} -> {self.output or 'Any'}"


def outline(
    workflow: Workflow[Any, Any],
    resolve: Resolve | None = None,
    provider: Provider | None = None,
    *,
    sources: bool = True,
) -> Outline:
    """Return the outline of a workflow.

    Args:
      workflow: What to describe.
      resolve: Returns a definition that the workflow refers to by id; without it, such ids
        stay ``"unresolved"``.
      provider: Returns the name of the plugin that provides a definition.
      sources: Whether conditions that are short lambdas appear as their source.
    """
    return _Outliner(resolve or _unknown, provider or _unknown, sources).target(workflow, ())


def function_name(fn: Callable[..., Any], nameless: str) -> str:
    """Return the name of a function in a description; for a lambda, *nameless*."""
    name = name_of(fn)
    return nameless if name == "<lambda>" else name


def condition_text(fn: Callable[..., Any], sources: bool = True) -> str:
    """Return the name of a condition, or the source of a lambda if that is short."""
    return function_name(fn, "") or (source_of(fn) if sources else "") or "condition"


def seconds_text(seconds: float) -> str:
    """Return a duration with its unit: ``"0.5 s"``, ``"90 s"``."""
    return f"{seconds:g} s"


def _unknown(_: Any) -> None:
    return None


@attrs.frozen
class _Outliner:
    resolve: Resolve
    provider: Provider
    sources: bool

    def target(self, target: Target, above: tuple[str, ...], condition: str = "") -> Outline:
        """Return the entry of a target inside the workflows *above* it."""
        found = self.resolve(target) if isinstance(target, str) else target
        id = target_id(target)
        match found:
            case Step():
                return self._told(Outline("step", id, condition), found)
            case Tool():
                return self._told(Outline("tool", id, condition), found)
            case Workflow():
                return self._workflow(found, id, above, condition)
            case _:
                return Outline("unresolved", id, condition)

    def _workflow(
        self, workflow: Workflow[Any, Any], id: str, above: tuple[str, ...], condition: str
    ) -> Outline:
        entry = self._told(Outline("workflow", id, condition), workflow)
        if workflow.id in above:  # by id, a workflow can contain itself
            return attrs.evolve(entry, note="recursive, shown above")
        inside = (*above, workflow.id)
        return attrs.evolve(entry, children=tuple(self._node(n, inside) for n in workflow.nodes))

    def _told(self, entry: Outline, definition: Definition) -> Outline:
        """Return an entry with the types, description and plugin of its definition."""
        return attrs.evolve(
            entry,
            input=_type(definition.input),
            output=_type(definition.output),
            description=definition.description,
            plugin=self.provider(definition) or "",
        )

    def _node(self, node: Node, above: tuple[str, ...]) -> Outline:
        match node:
            case Then():
                return self.target(node.target, above)
            case Parallel():
                arms = tuple(self.target(arm, above) for arm in node.arms)
                return Outline("parallel", "in parallel", children=arms)
            case Branch():
                arms = tuple(
                    self.target(target, above, condition_text(condition, self.sources))
                    for condition, target in node.arms
                )
                return Outline("branch", "branch", children=arms)
            case Map():
                return Outline("map", node.id, note=_mapping_note(node.spec))
            case Sleep() | SleepUntil():
                return Outline("sleep", node.id, note=_sleep_note(node))
            case _:
                return self._around(node, above)

    def _around(self, node: Loop | ForEach | WaitForEvent, above: tuple[str, ...]) -> Outline:
        body = (self.target(node.target, above),)
        match node:
            case Loop():
                word: OutlineKind = "until" if node.until else "while"
                name = condition_text(node.condition, self.sources)
                return Outline(word, f"repeat {word} {name}", name, children=body)
            case ForEach():
                note = "" if node.concurrency == 1 else f"{node.concurrency} at a time"
                return Outline("foreach", "for each item", note=note, children=body)
            case WaitForEvent():
                limit = node.timeout
                note = "" if limit is None else f"at most {seconds_text(limit)}"
                return Outline("wait", f"wait for event {node.event!r}", note=note, children=body)


def _type(type_: Any) -> str:
    return "" if type_ is Any else type_name(type_)


def _mapping_note(spec: Function | Mapping[str, Source]) -> str:
    if isinstance(spec, Mapping):
        return f"builds {', '.join(map(str, spec))}"
    return function_name(spec, "a function")


def _sleep_note(node: Sleep | SleepUntil) -> str:
    if isinstance(node, Sleep):
        seconds = node.seconds
        return function_name(seconds, "computed") if callable(seconds) else seconds_text(seconds)
    when = node.when
    return f"until {function_name(when, 'computed') if callable(when) else when.isoformat(' ')}"
