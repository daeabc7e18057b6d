"""Steps and tools for faulty runs, with a count of how often their bodies ran."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

import attrs

from trioflow.context import StepContext
from trioflow.steps import Step, step
from trioflow.tools import Tool, tool
from trioflow.workflow import Workflow

Flow = Workflow[Any, Any]
Do = Callable[[StepContext[Any]], Any]
"""The body of a step; returns its output, or an awaitable of it."""


@attrs.define(eq=False)
class Bodies:
    """Creates steps, and counts how often their bodies ran in each run."""

    made: Counter[str] = attrs.field(factory=Counter)
    """Number of bodies that ran, by run id."""

    def gives(self, value: Any, id: str = "gives", **options: Any) -> Step[Any, Any]:
        """Return a step with this output."""
        return self.does(lambda ctx: value, id, **options)

    def does(self, do: Do, id: str = "does", **options: Any) -> Step[Any, Any]:
        """Return a step that calls *do*, and awaits what it returns if necessary."""

        @step(id=id, **options)
        async def body(given: Any, ctx: StepContext[Any]) -> Any:
            self.made[ctx.run_id] += 1
            result = do(ctx)
            return await result if hasattr(result, "__await__") else result

        return body

    def takes(self, type: Any, **options: Any) -> Step[Any, Any]:
        """Return a step that takes values of this type."""
        return self.does(lambda ctx: None, "takes", input=type, **options)

    def asks(self, payload: Any = None, id: str = "asks", **options: Any) -> Step[Any, Any]:
        """Return a step that suspends once, and finishes when it gets an answer."""

        def ask(ctx: StepContext[Any]) -> str:
            if ctx.resume_data is None:
                ctx.suspend(payload)
            return "answered"

        return self.does(ask, id, **options)


def flow(id: str, **options: Any) -> Flow:
    """Return a workflow without nodes that takes and returns anything."""
    return Workflow(id, **{"input": Any, "output": Any, **options})


@tool
async def takes(given: Any) -> None:
    """Take anything."""


def gives_tool(value: Any) -> Tool[..., Any]:
    """Return a tool with this output."""

    @tool(id="gives-tool")
    async def body(given: Any = None) -> Any:
        return value

    return body


def yields_tool(value: Any) -> Tool[..., Any]:
    """Return a streaming tool with this as its only piece."""

    @tool(id="yields-tool")
    async def body(given: Any = None) -> AsyncIterator[Any]:
        yield value

    return body
