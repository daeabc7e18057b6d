"""What holds for runs that somebody ends early, at any moment."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given, settings

from tests.properties.checks import check
from tests.properties.scale import examples
from tests.properties.scenes import PATIENCE, Scene, canceling_scenes
from tests.properties.stage import Played, play
from trioflow import events
from trioflow.testing.strategies import Taste, inputs, workflow_specs
from trioflow.testing.strategies._specs import WorkflowSpec, parts

# A body that cancels the run would get ahead of those who end it from outside.
specs = workflow_specs(Taste(cancels=False))


@settings(max_examples=examples(40, 2000))
@given(specs, inputs(), canceling_scenes())
def test_a_run_that_is_ended_early_ends_in_order(
    spec: WorkflowSpec, value: Any, scene: Scene
) -> None:
    played = play(spec, value, scene)

    check(played)
    assume(played.ended_at is not None)
    assert scene.cancel is not None
    if scene.cancel.how == "drain":
        check_drained(played, spec, scene.cancel.grace)
    else:
        check_canceled(played, scene.cancel.how)


def check_canceled(played: Played, how: str) -> None:
    """Check that all bodies that ran have seen it, and that the run says so."""
    later = played.events[played.ended_at :]
    # A run that had only its end to tell, and waited for room, is canceled by nobody but itself.
    if how != "scope" or len(later) > 1:
        assert played.result is not None
        assert played.result.status == "canceled"
    assert played.witness.canceled["step"] - played.canceled_before == played.running


def check_drained(played: Played, spec: WorkflowSpec, grace: float) -> None:
    """Check that nothing was started any more, and that bodies had their time."""
    later = played.events[played.ended_at :]
    assert not any(isinstance(event, events.StepStart) for event in later)
    # What fails or bails may cancel its siblings, and a body may run past its time-out.
    cancels = any(getattr(part, "timeout", None) for part in parts(spec)) or any(
        getattr(event, "error", None) or getattr(event, "status", None) == "bailed"
        for event in played.events
    )
    if grace == PATIENCE and not cancels:
        assert not played.witness.canceled["step"]
