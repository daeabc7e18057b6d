"""The tools that the server lists: workflows and tools of an engine."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import mcp_types as types
from attrs import frozen

from trioflow import Engine, StepContext, TrioflowError, Workflow, step
from trioflow.errors import UnknownNameError
from trioflow_mcp.serving.plain import written
from trioflow_mcp.serving.schemas import (
    INPUT,
    RESULT,
    Schema,
    empty_object,
    is_object,
    object_with,
    or_suspended,
    rooted,
)

RESUME = "resume"
"""The tool that answers suspended runs."""
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.-]")
MAX_NAME = 128


@frozen
class ToolCall:
    """Which tool to call, and how."""

    tool: str
    arguments: dict[str, Any]


@step(id="call")
async def call_tool(call: ToolCall, ctx: StepContext) -> Any:
    """Call a tool."""
    return await ctx.call_tool(call.tool, **call.arguments)


TOOL_CALL = Workflow("mcp.tool-call", input=ToolCall, output=Any).then(call_tool)
"""Calls a tool, since each call is a run."""


@frozen
class Served:
    """A tool of the server."""

    described: types.Tool
    workflow: Workflow[Any, Any]
    """What is run."""
    tool: str | None = None
    """The tool of trioflow that it calls; None if the workflow is what is served."""
    takes_object: bool = True
    """Whether the input is the object of the arguments, and not one of them."""
    gives_object: bool = True
    """Whether the output is an object."""

    @property
    def name(self) -> str:
        """The name for clients."""
        return self.described.name

    def input_of(self, arguments: Mapping[str, Any]) -> Any:
        """Return the input of the run for the arguments of a call.

        Raises:
          ValueError: if there is an argument that does not exist.
        """
        if self.tool is not None:
            return ToolCall(self.tool, dict(arguments))
        if self.takes_object:
            return dict(arguments)
        if unknown := arguments.keys() - {INPUT}:
            raise ValueError(f"unknown argument {min(unknown)!r}; the only one is {INPUT!r}")
        return arguments.get(INPUT)

    def result_of(self, output: Any, engine: Engine) -> dict[str, Any]:
        """Return the structured result for the output of a run."""
        value = written(output, engine.converter)
        return value if self.gives_object and isinstance(value, dict) else {RESULT: value}


def catalogue_of(engine: Engine, ids: Collection[str] = ()) -> dict[str, Served]:
    """Return the tools for the workflows and tools of an engine, by name.

    Args:
      ids: Ids of those to serve; all if there are none.

    Raises:
      UnknownNameError: if there is neither a workflow nor a tool with an id.
    """
    workflows = {id: each for id, each in engine.workflows.items() if id != TOOL_CALL.id}
    for id in ids:
        if id not in workflows and id not in engine.tools:
            known = (*workflows, *engine.tools)
            raise UnknownNameError("workflow or tool", id, "trioflow mcp", known)
    served: dict[str, Served] = {}
    for id, workflow in workflows.items():
        if not ids or id in ids:
            _add(served, _of_workflow(_free(id, served), workflow, engine))
    for id in engine.tools:
        if not ids or id in ids:
            _add(served, _of_tool(_free(id, served), id, engine))
    return served


def _add(served: dict[str, Served], each: Served) -> None:
    served[each.name] = each


def _free(id: str, served: Mapping[str, Served]) -> str:
    """Return the name for an id: with the characters that clients accept, and not taken."""
    name = wanted = _NOT_IN_NAMES.sub("_", id)[: MAX_NAME - 4]
    number = 1
    while name in served or name == RESUME:
        number += 1
        name = f"{wanted}_{number}"
    return name


def _of_workflow(name: str, workflow: Workflow[Any, Any], engine: Engine) -> Served:
    taken = _schema(engine, workflow.input)
    given = _schema(engine, workflow.output)
    described = types.Tool(
        name=name,
        description=workflow.description or f"Run the workflow {workflow.id}.",
        input_schema=_arguments(taken),
        output_schema=or_suspended(given if is_object(given) else object_with(RESULT, given)),
    )
    return Served(described, workflow, None, is_object(taken), is_object(given))


def _arguments(schema: Schema) -> Schema:
    """Return the schema of the arguments for the schema of an input."""
    if is_object(schema):
        return schema
    return empty_object() if schema.get("type") == "null" else object_with(INPUT, schema)


def _of_tool(name: str, id: str, engine: Engine) -> Served:
    tool = engine.tools[id]
    given = _schema(engine, tool.output)
    described = types.Tool(
        name=name,
        description=tool.description or f"Call the tool {id}.",
        input_schema=_schema(engine, tool),
        output_schema=or_suspended(given if is_object(given) else object_with(RESULT, given)),
    )
    return Served(described, TOOL_CALL, id, gives_object=is_object(given))


def _schema(engine: Engine, type_: Any) -> Schema:
    """Return the schema of a type; that of any value if it has none."""
    try:
        return rooted(engine.json_schema(type_))
    except (TrioflowError, TypeError):
        return {}
