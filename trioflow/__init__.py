"""Workflows on Trio: typed steps, plugins, and every event on a stream."""

from typing import TYPE_CHECKING

from trioflow.lazy import lazy_names

if TYPE_CHECKING:
    from trioflow import errors, events
    from trioflow.api import Engine, open_engine
    from trioflow.context import RunContext, StepContext
    from trioflow.describe import json_schema, to_mermaid
    from trioflow.engine.run import Run, RunStream
    from trioflow.engine.stream import EventStream
    from trioflow.errors import NonRetryableError, TrioflowError
    from trioflow.hookspecs import hookimpl
    from trioflow.mapping import from_context, from_input, from_step, value
    from trioflow.plugins import PluginInfo
    from trioflow.records import StepRecord
    from trioflow.results import RunResult
    from trioflow.retry import Retry
    from trioflow.state import RunState, fold
    from trioflow.steps import Step, step
    from trioflow.tools import Tool, tool
    from trioflow.tracing import TracingContext, TracingOptions
    from trioflow.workflow import Workflow

__all__ = [
    "Engine",
    "EventStream",
    "NonRetryableError",
    "PluginInfo",
    "Retry",
    "Run",
    "RunContext",
    "RunResult",
    "RunState",
    "RunStream",
    "Step",
    "StepContext",
    "StepRecord",
    "Tool",
    "TracingContext",
    "TracingOptions",
    "TrioflowError",
    "Workflow",
    "errors",
    "events",
    "fold",
    "from_context",
    "from_input",
    "from_step",
    "hookimpl",
    "json_schema",
    "open_engine",
    "step",
    "to_mermaid",
    "tool",
    "value",
]

if not TYPE_CHECKING:  # or type checkers would believe in every name
    __getattr__ = lazy_names(
        __name__,
        {
            "Engine": "trioflow.api",
            "EventStream": "trioflow.engine.stream",
            "NonRetryableError": "trioflow.errors",
            "PluginInfo": "trioflow.plugins",
            "Retry": "trioflow.retry",
            "Run": "trioflow.engine.run",
            "RunContext": "trioflow.context",
            "RunResult": "trioflow.results",
            "RunState": "trioflow.state",
            "RunStream": "trioflow.engine.run",
            "Step": "trioflow.steps",
            "StepContext": "trioflow.context",
            "StepRecord": "trioflow.records",
            "Tool": "trioflow.tools",
            "TracingContext": "trioflow.tracing",
            "TracingOptions": "trioflow.tracing",
            "TrioflowError": "trioflow.errors",
            "Workflow": "trioflow.workflow",
            "errors": "trioflow.errors",
            "events": "trioflow.events",
            "fold": "trioflow.state",
            "from_context": "trioflow.mapping",
            "from_input": "trioflow.mapping",
            "from_step": "trioflow.mapping",
            "hookimpl": "trioflow.hookspecs",
            "json_schema": "trioflow.describe",
            "open_engine": "trioflow.api",
            "step": "trioflow.steps",
            "to_mermaid": "trioflow.describe",
            "tool": "trioflow.tools",
            "value": "trioflow.mapping",
        },
    )
