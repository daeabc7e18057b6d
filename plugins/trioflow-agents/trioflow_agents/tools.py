"""Tools as the model sees them, and the answers that it gets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextvars import ContextVar
from typing import Any, TypeAlias

from attrs import define, field

from trioflow import NonRetryableError, StepContext, Tool, Workflow
from trioflow.errors import DefinitionError, InvalidValueError, Tripwire
from trioflow_agents.errors import ToolRefusedError
from trioflow_agents.messages import ToolAnswer, ToolRequest
from trioflow_agents.model import ToolDescription
from trioflow_agents.replies import mended

CALL_ID: ContextVar[str | None] = ContextVar("trioflow_agents_call_id", default=None)
"""Id of the call that an agent makes, inside the tool."""
INPUT = "input"
"""The argument that holds the input of a workflow, if that is no object."""
Callee: TypeAlias = Tool[..., Any] | Workflow[Any, Any] | str
"""What the model can call; a string is the id of a tool that the engine knows."""
MAX_NAME = 64
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")


@define
class Toolbox:
    """The tools of an agent by the names that the model knows."""

    tools: dict[str, Tool[..., Any] | str]
    """Tools, or the ids of those that the engine knows."""
    workflows: dict[str, Workflow[Any, Any]]
    """Workflows that are called like tools."""
    max_result: int
    _described: tuple[ToolDescription, ...] | None = field(default=None, init=False)

    @classmethod
    def of(cls, tools: Iterable[Callee], max_result: int, where: str) -> Toolbox:
        """Return the toolbox of an agent.

        Raises:
          DefinitionError: if something is no tool, or two have the same name.
        """
        named: dict[str, Callee] = {}
        for tool in tools:
            if not isinstance(tool, Tool | Workflow | str):
                remedy = "declare it with @tool, or call it in a tool"
                raise DefinitionError(where, f"{tool!r} is not a tool", remedy)
            name = model_name(id_of(tool))
            if name in named:
                both = f"{id_of(named[name])!r} and {id_of(tool)!r}"
                problem = f"tools {both} have the same name for models"
                raise DefinitionError(where, problem, "rename one with .clone(id)")
            named[name] = tool
        workflows = {name: each for name, each in named.items() if isinstance(each, Workflow)}
        others = {name: each for name, each in named.items() if not isinstance(each, Workflow)}
        return cls(others, workflows, max_result)

    def describe(self, ctx: StepContext[Any]) -> tuple[ToolDescription, ...]:
        """Return the descriptions of the tools, which a request holds."""
        if self._described is None:
            self._described = (
                *(_description(name, tool, ctx) for name, tool in self.tools.items()),
                *(_of_workflow(name, each, ctx) for name, each in self.workflows.items()),
            )
        return self._described

    async def answer(
        self, request: ToolRequest, ctx: StepContext[Any], *, raises: bool
    ) -> ToolAnswer:
        """Call a tool and return the answer for the model.

        Args:
          raises: Whether exceptions of the tool are raised, not reported to the model.
        """
        tool = self.tools.get(request.name)
        if tool is None:
            known = ", ".join((*self.tools, *self.workflows)) or "none"
            return _error(request, f"there is no tool {request.name!r}; known tools: {known}")
        try:
            arguments = read_arguments(request.arguments)
        except ValueError as exc:
            return _error(request, f"the arguments are not a JSON object: {exc}")
        token = CALL_ID.set(request.id)
        try:
            output = await ctx.call_tool(tool, **arguments)
        except (NonRetryableError, Tripwire):
            raise
        except ToolRefusedError as exc:
            return _error(request, str(exc))
        except Exception as exc:
            if raises and not is_about_arguments(exc, tool):
                raise
            return _error(request, f"{type(exc).__name__}: {exc}")
        finally:
            CALL_ID.reset(token)
        return self.answered(request, output, ctx)

    def answered(self, request: ToolRequest, output: Any, ctx: StepContext[Any]) -> ToolAnswer:
        """Return the answer for an output."""
        return ToolAnswer(request.id, request.name, self._cut(mended(as_text(output, ctx))))

    def _cut(self, text: str) -> str:
        rest = len(text) - self.max_result
        return text if rest <= 0 else f"{text[: self.max_result]}\n[{rest} more characters]"


def id_of(tool: Callee) -> str:
    """Return the id of a tool."""
    return tool if isinstance(tool, str) else tool.id


def _description(name: str, tool: Tool[..., Any] | str, ctx: StepContext[Any]) -> ToolDescription:
    found = ctx.find_tool(tool) if isinstance(tool, str) else tool
    return ToolDescription(name, found.description, ctx.json_schema(found))


def _of_workflow(name: str, workflow: Workflow[Any, Any], ctx: StepContext[Any]) -> ToolDescription:
    schema = ctx.json_schema(workflow.input)
    if schema.get("type") != "object":
        schema = object_with(INPUT, schema)
    return ToolDescription(name, workflow.description, schema)


def object_with(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an object whose only property has the given schema."""
    inner = {key: value for key, value in schema.items() if key != "$defs"}
    definitions = {"$defs": schema["$defs"]} if "$defs" in schema else {}
    return {
        "type": "object",
        "properties": {name: inner},
        "required": [name],
        "additionalProperties": False,
        **definitions,
    }


def _error(request: ToolRequest, problem: str) -> ToolAnswer:
    return ToolAnswer(request.id, request.name, mended(problem), is_error=True)


def model_name(id: str) -> str:
    """Return the name of a tool for models, which know fewer characters than ids."""
    return _NOT_IN_NAMES.sub("_", id)[:MAX_NAME]


def read_arguments(text: str) -> dict[str, Any]:
    """Return the arguments that a model wrote.

    Raises:
      ValueError: if they are not a JSON object.
    """
    try:
        arguments = json.loads(text or "{}")
    except RecursionError as exc:
        raise ValueError("they are nested too deeply") from exc
    if not isinstance(arguments, dict):
        raise ValueError(f"they are {type(arguments).__name__}")
    return arguments


def is_about_arguments(error: Exception, tool: Tool[..., Any] | str) -> bool:
    """Return whether an exception says that the arguments do not fit the tool."""
    if not isinstance(error, InvalidValueError):
        return False
    return error.what.startswith("argument") and error.owner.startswith(f"tool {id_of(tool)!r}")


def as_text(value: Any, ctx: StepContext[Any]) -> str:
    """Return a value as text for a model: a string as it is, anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(ctx.to_json(value), ensure_ascii=False)
