"""Workflows on Trio: typed steps, plugins, and every event on a stream."""

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
from trioflow.results import RunResult
from trioflow.retry import Retry
from trioflow.state import RunState, StepRecord, fold
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
