"""Hypothesis strategies for workflows, their inputs, event logs, and what is done to stores."""

from trioflow.testing.strategies.broken import FAULTS, broken_event_logs, faulty_logs
from trioflow.testing.strategies.building import LIMITS, build
from trioflow.testing.strategies.logs import event_logs
from trioflow.testing.strategies.stores import store_machine
from trioflow.testing.strategies.workflows import Taste, inputs, workflow_specs, workflows

__all__ = [
    "FAULTS",
    "LIMITS",
    "Taste",
    "broken_event_logs",
    "build",
    "event_logs",
    "faulty_logs",
    "inputs",
    "store_machine",
    "workflow_specs",
    "workflows",
]
