"""Finds what of a workflow a call of a run runs."""

from __future__ import annotations

from typing import Any

from trioflow import Workflow
from trioflow.addresses import Address
from trioflow.describe import Definition
from trioflow.nodes import Node, Target, target_id, targets_of
from trioflow_server.service import Service


def node_at(
    service: Service, workflow: Workflow[Any, Any] | None, address: str
) -> tuple[Node | None, Definition | None]:
    """Return the node at an address, and what it runs; None where the workflow has changed."""
    parts = [Address.parse(address)]
    while parts[0].scope is not None:
        parts.insert(0, parts[0].scope)
    node, found = None, workflow
    for part in parts:
        if not isinstance(found, Workflow) or part.position >= len(found.nodes):
            return None, None
        node = found.nodes[part.position]
        target = _target(node, part)
        found = None if target is None else service.describer.find(target)
    return node, found


def definition_at(
    service: Service, workflow: Workflow[Any, Any] | None, address: str
) -> Definition | None:
    """Return the definition at an address; None if it has none."""
    return node_at(service, workflow, address)[1]


def _target(node: Node, part: Address) -> Target | None:
    targets = targets_of(node)
    if part.arm is None:
        return targets[0] if len(targets) == 1 else None
    return next((each for each in targets if target_id(each) == part.arm), None)


def schema_of(service: Service, type_: Any) -> dict[str, Any]:
    """Return the JSON Schema of a type; one that allows everything if it has none."""
    if type_ is Any:
        return {}
    try:
        return service.engine.json_schema(type_)
    except Exception:  # a type without a schema, or a hook of a plugin that fails
        return {}
