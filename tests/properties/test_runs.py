"""What holds for every run, whoever reads it."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.properties.checks import check
from tests.properties.normal import normalized
from tests.properties.scale import examples
from tests.properties.scenes import Scene, scenes
from tests.properties.stage import play
from trioflow.testing.strategies import inputs, workflow_specs
from trioflow.testing.strategies._specs import WorkflowSpec


@settings(max_examples=examples(40, 2000))
@given(workflow_specs(), inputs(), scenes())
def test_every_run_keeps_to_the_rules(spec: WorkflowSpec, value: Any, scene: Scene) -> None:
    check(play(spec, value, scene))


@given(workflow_specs(), inputs(), scenes(), st.integers(0, 99))
@settings(max_examples=examples(20, 500))
def test_the_same_schedule_gives_the_same_events(
    spec: WorkflowSpec, value: Any, scene: Scene, seed: int
) -> None:
    first, again = (play(spec, value, scene, seed) for _ in range(2))

    assert normalized(first.events, spec) == normalized(again.events, spec)
