"""What holds for every run, whoever reads it."""

from __future__ import annotations

from typing import Any

from hypothesis import given

from tests.properties.scenes import Scene, scenes
from tests.properties.stage import Played, play
from trioflow import events
from trioflow.testing import check_events
from trioflow.testing.strategies import inputs, workflow_specs
from trioflow.testing.strategies.specs import WorkflowSpec


def check(played: Played) -> None:
    """Check what holds in every scene."""
    check_events(played.events, played.workflow)
    played.watcher.check()
    for first, got in played.heard:
        assert got == played.events[first:]
    assert not played.witness.excess
    assert not +played.witness.running
    check_result(played)


def check_result(played: Played) -> None:
    """Check that the result says what the events say."""
    result, finish = played.result, played.events[-1]
    assert result is not None
    assert isinstance(finish, events.Finish)
    assert (result.status, result.result, result.error) == (
        finish.status,
        finish.result,
        finish.error,
    )


@given(workflow_specs(), inputs(), scenes())
def test_every_run_keeps_to_the_rules(spec: WorkflowSpec, value: Any, scene: Scene) -> None:
    played = play(spec, value, scene)

    check(played)
    if scene.reader.how == "leaves":
        assert played.events[-1].status in ("canceled", "success", "failed")
