"""The workflows and tools of recorded cases, with everything that a description shows."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from trioflow import StepContext, Tool, Workflow, hookimpl

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests"))  # where the interpreter of recorded definitions is

from conformance.bodies import Body  # type: ignore[import-not-found]  # noqa: E402
from conformance.build import Builder  # type: ignore[import-not-found]  # noqa: E402
from conformance.place import Custom, Effects  # type: ignore[import-not-found]  # noqa: E402
from conformance.schemas import (  # type: ignore[import-not-found]  # noqa: E402
    Checked,
    state_type_of,
    validated,
)
from conformance.undefined import UNDEFINED, Undefined  # type: ignore[import-not-found]  # noqa: E402

VERSION = "1.71.0"


class Shown(Checked):  # type: ignore[misc]
    """Base of types that are described and not checked."""


def shown_type(schema: Mapping[str, Any] | None) -> Any:
    """Return a type that is described by a schema and accepts any value."""
    return Any if schema is None else type("Shown", (Shown,), {"schema": schema})


@functools.cache
def state_type(schema: str) -> Any:
    """Return the type of a state; steps and their workflow must have the same one."""
    return state_type_of(json.loads(schema))


class CasePlugin:
    """Teaches trioflow the schemas of recorded cases."""

    @hookimpl
    def trioflow_converter(self, converter: Any) -> None:
        converter.register_structure_hook_func(
            _is_checked,
            lambda value, cls: value if issubclass(cls, Shown) else validated(value, cls.schema),
        )
        converter.register_unstructure_hook_func(_is_checked, lambda value: value)
        converter.register_unstructure_hook(Undefined, lambda value: None)
        converter.register_structure_hook(Undefined, lambda value, cls: UNDEFINED)
        converter.register_unstructure_hook(Custom, lambda custom: dict(custom.chunk))

    @hookimpl
    def trioflow_schema(self, type_: Any) -> Mapping[str, Any] | None:
        return json_schema(type_.schema) if _is_checked(type_) else None


def _is_checked(cls: Any) -> bool:
    return isinstance(cls, type) and issubclass(cls, Checked)


def json_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema of the recorded notation as JSON Schema."""
    kind = schema.get("type", "any")
    described: dict[str, Any] = {} if kind == "any" else {"type": kind}
    if kind == "array":
        described["items"] = json_schema(schema.get("items", {"type": "any"}))
    if kind == "object":
        props = schema.get("props", {})
        described["properties"] = {key: json_schema(prop) for key, prop in props.items()}
        optional = {k for k, p in props.items() if p.get("optional") or "default" in p}
        described["required"] = [key for key in props if key not in optional]
    if "default" in schema:
        described["default"] = schema["default"]
    return described


class CaseBuilder(Builder):  # type: ignore[misc]
    """Builds the workflows of one case, with descriptions and the types of outputs."""

    def _leaf(self, kind: str, id: str, definition: Mapping[str, Any], delay: float) -> Any:
        if kind == "tool":
            return self.tool(id, definition)
        made = super()._leaf(kind, id, definition, delay)
        state = definition.get("stateSchema")
        return attrs.evolve(
            made,
            description=definition.get("description", ""),
            output=shown_type(definition.get("outputSchema")),
            suspend=shown_type(definition.get("suspendSchema")),
            state=None if state is None else state_type(json.dumps(state)),
        )

    def tool(self, id: str, definition: Mapping[str, Any]) -> Tool[..., Any]:
        """Return a tool whose arguments are the keys of its input."""
        body = Body(id, definition["do"], self.effects, self.ids, False, None)
        given = definition.get("inputSchema", {"type": "object"})

        async def run(ctx: StepContext[Any], **arguments: Any) -> Any:
            return await body.run(validated(arguments, given), ctx)

        schema = json_schema(given)
        return Tool.from_schema(
            id,
            run,
            schema if schema.get("type") == "object" else {"type": "object"},
            description=definition.get("description", ""),
            output=shown_type(definition.get("outputSchema")),
        )

    def _workflow(self, id: str, spec: Mapping[str, Any]) -> Any:
        made = super()._workflow(id, spec)  # it has not been handed out, so it may be changed
        if "stateSchema" in spec:
            object.__setattr__(made, "state", state_type(json.dumps(spec["stateSchema"])))
        object.__setattr__(made, "description", spec.get("description", ""))
        object.__setattr__(made, "output", shown_type(spec.get("outputSchema")))
        return made


@attrs.frozen
class Offered:
    """What a server offers for a case."""

    workflows: list[Workflow[Any, Any]]
    tools: list[Tool[..., Any]]


def offered_by(case: Mapping[str, Any]) -> Offered:
    """Return the workflows and tools of a case."""
    effects, found = Effects(), Offered([], [])
    builder = None
    for id, spec in case.get("workflows", {}).items():
        about = {**case, "workflow": {"id": id, **spec}, "source": {"version": VERSION}}
        builder = CaseBuilder({"defs": {}, **about}, effects)
        found.workflows.append(builder.build())
    about = {"defs": {}, **case, "workflow": {"id": "", "graph": []}}
    builder = CaseBuilder({**about, "source": {"version": VERSION}}, effects)
    for ref in case.get("tools", ()):
        definition = about["defs"][ref]
        found.tools.append(builder.tool(definition.get("id", ref), definition))
    return found
