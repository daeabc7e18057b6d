"""Workflows on Trio: typed steps, plugins, and every event on a stream."""

from trioflow import events
from trioflow.context import RunContext, StepContext
from trioflow.errors import NonRetryableError, TrioflowError
from trioflow.mapping import from_context, from_input, from_step, value
from trioflow.results import RunResult
from trioflow.retry import Retry
from trioflow.state import RunState, StepRecord, fold
from trioflow.steps import Step, step
from trioflow.tools import Tool, tool
from trioflow.tracing import TracingContext, TracingOptions
from trioflow.workflow import Workflow
