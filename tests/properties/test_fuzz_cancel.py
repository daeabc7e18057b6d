"""Runs of every kind of node, canceled at each point at which that is possible."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from tests.properties.kinds import NODES
from tests.properties.scale import examples
from trioflow.testing import fuzz_cancel
from trioflow.testing._cancel import By
from trioflow.testing.strategies import LIMITS, Taste, build, inputs, workflow_specs
from trioflow.testing.strategies._specs import WorkflowSpec

BY = ["run", *(pytest.param(by, marks=pytest.mark.slow) for by in ("scope", "leaving"))]


@pytest.mark.slow
@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("kind", NODES)
def test_every_kind_of_node_can_be_canceled_anywhere(kind: str, by: By) -> None:
    workflow = build(WorkflowSpec("w", NODES[kind]))

    points = fuzz_cancel(workflow, 0, by=by, answers={"go": 1}, limits=LIMITS)

    assert points > 6


# Not more calls: a run is made for each point at which it can be canceled, and with 20 calls there
# may be a thousand, which takes minutes.
@given(workflow_specs(Taste(cancels=False, calls=8)), inputs())
@settings(max_examples=examples(4, 100))
def test_every_workflow_can_be_canceled_anywhere(spec: WorkflowSpec, value: Any) -> None:
    fuzz_cancel(build(spec), value, answers={"go": 1, "late": 2}, limits=LIMITS)
