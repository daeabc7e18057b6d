"""Workflows on Trio: typed steps, plugins, and every event on a stream."""

from typing import TYPE_CHECKING

from trioflow._lazy import lazy_names

if TYPE_CHECKING:
    from trioflow import errors, events
    from trioflow._engine.stream.receive_end import EventStream, EventStreamStatistics
    from trioflow._host.discovery import PluginInfo
    from trioflow._value_refs import ValueRef
    from trioflow.context import RunContext, StepContext
    from trioflow.engine import Engine, open_engine
    from trioflow.errors import NonRetryableError, TrioflowError
    from trioflow.hookspecs import hookimpl
    from trioflow.limits import Limit
    from trioflow.mapping import constant, from_context, from_input, from_step
    from trioflow.outcomes import Failed, Ok
    from trioflow.record import RunRecord, fold
    from trioflow.reducers import reduce
    from trioflow.results import RunResult
    from trioflow.retry import Retry
    from trioflow.run import Run, RunStream
    from trioflow.run_info import BulkResult, RunInfo
    from trioflow.schedules import At, Cron, Every, Schedule, Tick
    from trioflow.step_record import StepRecord
    from trioflow.steps import Step, step
    from trioflow.tools import Tool, tool
    from trioflow.tracing import TracingContext, TracingOptions
    from trioflow.workflow import Workflow

__all__ = [
    "At",
    "BulkResult",
    "Cron",
    "Engine",
    "EventStream",
    "EventStreamStatistics",
    "Every",
    "Failed",
    "Limit",
    "NonRetryableError",
    "Ok",
    "PluginInfo",
    "Retry",
    "Run",
    "RunContext",
    "RunInfo",
    "RunRecord",
    "RunResult",
    "RunStream",
    "Schedule",
    "Step",
    "StepContext",
    "StepRecord",
    "Tick",
    "Tool",
    "TracingContext",
    "TracingOptions",
    "TrioflowError",
    "ValueRef",
    "Workflow",
    "constant",
    "errors",
    "events",
    "fold",
    "from_context",
    "from_input",
    "from_step",
    "hookimpl",
    "open_engine",
    "reduce",
    "step",
    "tool",
]

if not TYPE_CHECKING:  # or type checkers would accept any name
    __getattr__ = lazy_names(
        __name__,
        {
            "At": "trioflow.schedules",
            "BulkResult": "trioflow.run_info",
            "Cron": "trioflow.schedules",
            "Engine": "trioflow.engine",
            "EventStream": "trioflow._engine.stream.receive_end",
            "EventStreamStatistics": "trioflow._engine.stream.receive_end",
            "Every": "trioflow.schedules",
            "Failed": "trioflow.outcomes",
            "Limit": "trioflow.limits",
            "NonRetryableError": "trioflow.errors",
            "Ok": "trioflow.outcomes",
            "PluginInfo": "trioflow._host.discovery",
            "Retry": "trioflow.retry",
            "Run": "trioflow.run",
            "RunContext": "trioflow.context",
            "RunInfo": "trioflow.run_info",
            "RunResult": "trioflow.results",
            "RunRecord": "trioflow.record",
            "RunStream": "trioflow.run",
            "Schedule": "trioflow.schedules",
            "Step": "trioflow.steps",
            "StepContext": "trioflow.context",
            "StepRecord": "trioflow.step_record",
            "Tick": "trioflow.schedules",
            "Tool": "trioflow.tools",
            "TracingContext": "trioflow.tracing",
            "TracingOptions": "trioflow.tracing",
            "TrioflowError": "trioflow.errors",
            "ValueRef": "trioflow._value_refs",
            "Workflow": "trioflow.workflow",
            "constant": "trioflow.mapping",
            "errors": "trioflow.errors",
            "events": "trioflow.events",
            "fold": "trioflow.record",
            "from_context": "trioflow.mapping",
            "from_input": "trioflow.mapping",
            "from_step": "trioflow.mapping",
            "hookimpl": "trioflow.hookspecs",
            "open_engine": "trioflow.engine",
            "reduce": "trioflow.reducers",
            "step": "trioflow.steps",
            "tool": "trioflow.tools",
        },
    )
