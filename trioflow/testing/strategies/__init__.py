"""Hypothesis strategies for workflows, their inputs, event logs, and what is done to stores.

=========================== ==================================================================
`workflows`, `inputs`       workflows of every kind of node, and something to give them
`event_logs`                the events of runs, valid or broken in a way that has a name
`broken_event_logs`         broken in any way, with the name and the rule of the grammar
`typed_values`              types as deep as steps may ask for them, with values of each
`store_machine`             a state machine that drives a store, and compares it with a dict
=========================== ==================================================================

A property that holds for whatever a workflow may be is tried like this; each example needs a
clock of its own, so the workflow is run by `trio.run` and not by pytest-trio::

    @given(workflows(), inputs())
    def test_my_store_keeps_every_run(workflow, value):
        events = trio.run(record, workflow, value, clock=VirtualClock())
        check_events(events, workflow)

What they are made of can be chosen with a `Taste`, looked at as a spec
(``workflow.metadata["spec"]``), and made again from it with `build`.
"""

from trioflow._public import publish
from trioflow.testing.strategies._broken import FAULTS, broken_event_logs, event_logs
from trioflow.testing.strategies._building import LIMITS, build
from trioflow.testing.strategies._stores import store_machine
from trioflow.testing.strategies._types import TypedValues, typed_values
from trioflow.testing.strategies._workflows import Taste, inputs, workflow_specs, workflows

__all__ = [
    "FAULTS",
    "LIMITS",
    "Taste",
    "TypedValues",
    "broken_event_logs",
    "build",
    "event_logs",
    "inputs",
    "store_machine",
    "typed_values",
    "workflow_specs",
    "workflows",
]

publish(__name__, __all__, globals())
