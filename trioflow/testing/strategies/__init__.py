"""Hypothesis strategies for workflows, their inputs, event logs, and operations on stores.

=========================== ==================================================================
`workflows`, `inputs`       workflows with every kind of node, and inputs for them
`event_logs`                the events of runs, valid or with a named fault
`broken_event_logs`         events with any fault, with its name and the rule it breaks
`typed_values`              types that steps may use, deeply nested, with values of each
`json_types`                such types whose values can be told by their JSON alone
`store_machine`             a state machine that drives a store and compares it with a dict
=========================== ==================================================================

Test a property of all workflows as follows. Each example needs its own clock, so run the workflow
with `trio.run` and not with pytest-trio::

    @given(workflows(), inputs())
    def test_my_store_keeps_every_run(workflow, value):
        events = trio.run(record, workflow, value, clock=VirtualClock())
        check_events(events, workflow)

Choose the parts of generated workflows with a `Taste`, inspect them in the workflow's spec
(``workflow.metadata["spec"]``), and build a workflow from a spec with `build`.
"""

from trioflow._public import publish
from trioflow.testing.strategies._broken import FAULTS, broken_event_logs, event_logs
from trioflow.testing.strategies._building import LIMITS, build
from trioflow.testing.strategies._classes import CLASS_MAKERS, ClassMaker, Member
from trioflow.testing.strategies._json_scalars import JSON_KEYS, JSON_SCALARS
from trioflow.testing.strategies._json_types import json_types
from trioflow.testing.strategies._stores import store_machine
from trioflow.testing.strategies._typed import TypedValues
from trioflow.testing.strategies._types import typed_values
from trioflow.testing.strategies._workflows import Taste, inputs, workflow_specs, workflows

__all__ = [
    "CLASS_MAKERS",
    "FAULTS",
    "JSON_KEYS",
    "JSON_SCALARS",
    "LIMITS",
    "ClassMaker",
    "Member",
    "Taste",
    "TypedValues",
    "broken_event_logs",
    "build",
    "event_logs",
    "inputs",
    "json_types",
    "store_machine",
    "typed_values",
    "workflow_specs",
    "workflows",
]

publish(__name__, __all__, globals())
