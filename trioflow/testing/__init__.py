"""The testing kit: check, record and stress workflows.

`trioflow.testing.strategies` generates workflows, inputs and event logs with Hypothesis; it
is a module of its own, so that the rest of the kit needs nothing but trioflow.
"""

from trioflow.testing.faults import EventOrderError
from trioflow.testing.grammar import check_events

__all__ = ["EventOrderError", "check_events"]
