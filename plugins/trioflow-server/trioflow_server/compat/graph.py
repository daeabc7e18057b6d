"""Workflows as the graphs, steps and schemas that Studio draws."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import attrs

from trioflow import Step, Tool, Workflow
from trioflow.describe import outline
from trioflow.nodes import (
    Branch,
    ForEach,
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
from trioflow.nodes import targets_of as node_targets
from trioflow_server.schemas import inlined

if TYPE_CHECKING:
    from trioflow import Engine

PLAIN = (Map, Sleep, SleepUntil)
"""Nodes that are steps by themselves."""
MAX_NESTING = 20
"""Most levels of workflows in workflows that are described."""


@attrs.frozen
class Describer:
    """Describes the workflows and tools of one engine."""

    engine: Engine
    with_sources: bool = False
    _schemas: dict[int, str | None] = attrs.field(factory=dict)
    _types: list[Any] = attrs.field(factory=list)
    """Keeps described types alive, so that their identities are not reused."""

    def find(self, target: Target) -> Any:
        """Return the definition that a target stands for; None if there is none."""
        if not isinstance(target, str):
            return target
        engine = self.engine
        return engine.steps.get(target) or engine.tools.get(target) or engine.workflows.get(target)

    # ------------------------------------------------------------ schemas
    def schema(self, type_: Any) -> str | None:
        """Return a type's schema as the text that clients expect; None if it has none."""
        if id(type_) not in self._schemas:
            self._types.append(type_)
            self._schemas[id(type_)] = self._schema(type_)
        return self._schemas[id(type_)]

    def _schema(self, type_: Any) -> str | None:
        if type_ is Any or type_ is None:
            return json.dumps({"json": {}})
        try:
            schema = self.engine.json_schema(type_)
        except Exception:  # a type without a schema, or a hook of a plugin that fails
            return json.dumps({"json": {}})
        return json.dumps({"json": inlined(schema)})

    def tool_schema(self, tool: Tool[..., Any]) -> str:
        """Return the schema of the arguments of a tool as text."""
        try:
            schema = tool.schema
        except Exception:  # a parameter of a type without a schema
            schema = {}
        return json.dumps({"json": inlined(schema)})

    # ------------------------------------------------------------ workflows
    def info(self, workflow: Workflow[Any, Any]) -> dict[str, Any]:
        """Return the description of a workflow."""
        return {
            **_named("name", workflow),
            "steps": dict(self._steps(workflow)),
            "allSteps": dict(self._all_steps(workflow, "", 0)),
            "stepGraph": self.graph(workflow),
            "inputSchema": self.schema(workflow.input),
            "outputSchema": self.schema(workflow.output),
            **self._optional("stateSchema", workflow.state),
            "options": {"validateInputs": workflow.validate, "emitStepEvents": True},
            "origin": "code",
            "isProcessorWorkflow": False,
        }

    def partial_info(self, workflow: Workflow[Any, Any]) -> dict[str, Any]:
        """Return the short description of a workflow, for lists."""
        count = sum(1 for _ in self._steps(workflow))
        full = ("name", "description", "stepGraph", "options", "origin", "isProcessorWorkflow")
        about = {key: value for key, value in self.info(workflow).items() if key in full}
        return {**about, "steps": {}, "allSteps": {}, "stepCount": count}

    def graph(self, workflow: Workflow[Any, Any]) -> list[dict[str, Any]]:
        """Return the nodes of the graph of a workflow."""
        return [self.node(workflow, node, 0) for node in workflow.nodes]

    def order(self, workflow: Workflow[Any, Any]) -> list[str]:
        """Return the ids of all steps in the order of their definition."""
        return [id for id, _ in self._all_steps(workflow, "", 0)]

    def _optional(self, key: str, type_: Any) -> dict[str, Any]:
        return {} if type_ in (Any, None) else {key: self.schema(type_)}

    def _steps(self, workflow: Workflow[Any, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        for node in workflow.nodes:
            if isinstance(node, PLAIN):
                yield node.id, _plain_step(node)
            for target in node_targets(node):
                yield target_id(target), self._step(target_id(target), target)

    def _all_steps(
        self, workflow: Workflow[Any, Any], prefix: str, depth: int
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for node in workflow.nodes:
            if isinstance(node, PLAIN):
                yield prefix + node.id, {**_plain_step(node), "isWorkflow": False}
            for target in node_targets(node):
                id, found = prefix + target_id(target), self.find(target)
                is_workflow = isinstance(found, Workflow)
                yield id, {**self._step(target_id(target), target), "isWorkflow": is_workflow}
                if is_workflow and depth < MAX_NESTING:
                    yield from self._all_steps(found, f"{id}.", depth + 1)

    def _step(self, id: str, target: Target) -> dict[str, Any]:
        found = self.find(target)
        about: dict[str, Any] = {"id": id, **_described(found)}
        match found:
            case Tool():
                arguments = self.tool_schema(found)
                about |= {"inputSchema": arguments, "outputSchema": self.schema(found.output)}
                about["component"] = "TOOL"
            case Step():
                about |= {
                    "inputSchema": self.schema(found.input),
                    "outputSchema": self.schema(found.output),
                    **self._optional("resumeSchema", found.resume),
                    **self._optional("suspendSchema", found.suspend),
                    **self._optional("stateSchema", found.state),
                }
            case Workflow():
                about |= {
                    "inputSchema": self.schema(found.input),
                    "outputSchema": self.schema(found.output),
                    **self._optional("stateSchema", found.state),
                    "component": "WORKFLOW",
                }
        return about

    # ------------------------------------------------------------ nodes
    def node(self, workflow: Workflow[Any, Any], node: Node, depth: int) -> dict[str, Any]:
        """Return a node of the graph of a workflow."""
        inner = partial(self._target, depth=depth)
        match node:
            case Then(target=target):
                return inner(target)
            case Parallel(arms=arms):
                return {"type": "parallel", "steps": [inner(arm) for arm in arms]}
            case Branch(arms=pairs):
                return {
                    "type": "conditional",
                    "steps": [inner(target) for _, target in pairs],
                    "serializedConditions": [
                        self._condition(f"{target_id(target)}-condition", fn)
                        for fn, target in pairs
                    ],
                }
            case Loop(target=target, condition=condition, until=until):
                return {
                    "type": "loop",
                    "step": inner(target),
                    "loopType": "dountil" if until else "dowhile",
                    "serializedCondition": self._condition(
                        f"{target_id(target)}-condition", condition
                    ),
                }
            case ForEach(target=target, concurrency=concurrency):
                opts = {"concurrency": concurrency}
                return {"type": "foreach", "step": inner(target), "opts": opts}
            case WaitForEvent(target=target, event=event):
                return {"type": "waitForEvent", "event": event, "step": inner(target)}
            case Map():
                return {"type": "mapping", "id": node.id, "mapConfig": _map_text(node)}
            case Sleep() | SleepUntil():
                return _sleep(node)

    def _target(self, target: Target, depth: int) -> dict[str, Any]:
        found, id = self.find(target), target_id(target)
        if isinstance(found, Workflow):
            is_deep = depth >= MAX_NESTING
            nodes = () if is_deep else found.nodes
            flow = [self.node(found, node, depth + 1) for node in nodes]
            about = {"type": "workflow", "id": id, "workflowId": found.id, **_described(found)}
            return {**about, "serializedStepFlow": flow}
        if isinstance(found, Tool):
            return {"type": "tool", "id": id, "toolId": found.id, **_described(found)}
        is_step = isinstance(found, Step)
        can_suspend = is_step and (found.resume is not Any or found.suspend is not Any)
        step = {"id": id, **_described(found), "canSuspend": can_suspend}
        return {"type": "step", "step": step}

    def _condition(self, id: str, fn: Callable[..., Any]) -> dict[str, str]:
        name = getattr(fn, "__name__", type(fn).__name__)
        if self.with_sources:
            probe = Workflow("probe").branch((fn, "arm"))
            name = outline(probe).children[0].children[0].condition
        return {"id": id, "fn": "condition" if name == "<lambda>" else name}


def _sleep(node: Sleep | SleepUntil) -> dict[str, Any]:
    if isinstance(node, Sleep):
        about: dict[str, Any] = {"type": "sleep", "id": node.id}
        seconds = node.seconds
        return about if callable(seconds) else {**about, "duration": round(seconds * 1000, 3)}
    about = {"type": "sleepUntil", "id": node.id}
    return about if callable(node.when) else {**about, "date": node.when.isoformat()}


def _map_text(node: Map) -> str:
    if isinstance(node.spec, Mapping):
        return json.dumps({str(key): str(source) for key, source in node.spec.items()})
    return getattr(node.spec, "__name__", "a function")


def _plain_step(node: Map | Sleep | SleepUntil) -> dict[str, Any]:
    any_value = json.dumps({"json": {}})
    return {"id": node.id, "inputSchema": any_value, "outputSchema": any_value}


def _named(key: str, definition: Any) -> dict[str, Any]:
    return {key: definition.id, **_described(definition)}


def _described(definition: Any) -> dict[str, Any]:
    text = getattr(definition, "description", "")
    return {"description": text} if text else {}
