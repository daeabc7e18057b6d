"""The testing kit: check, record and stress workflows.

`trioflow.testing.strategies` generates workflows, inputs and event logs with Hypothesis; it
is a module of its own, so that the rest of the kit needs nothing but trioflow.
"""

from trioflow.testing.cancel import fuzz_cancel
from trioflow.testing.faults import EventOrderError
from trioflow.testing.grammar import check_events
from trioflow.testing.leaks import assert_no_leaks
from trioflow.testing.recording import record
from trioflow.testing.stores import StoreContractError, check_store

__all__ = [
    "EventOrderError",
    "StoreContractError",
    "assert_no_leaks",
    "check_events",
    "check_store",
    "fuzz_cancel",
    "record",
]
