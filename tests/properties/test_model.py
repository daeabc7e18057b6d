"""Runs come to what the reference interpreter says."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import event, given, reject, settings

from tests.properties.checks import check
from tests.properties.kinds import NODES
from tests.properties.model import Expected, Fault, Faults, Unknown, interpret
from tests.properties.scale import examples
from tests.properties.stage import Played, play
from trioflow import Failed, Ok, events
from trioflow.testing.strategies import Taste, inputs, workflow_specs
from trioflow.testing.strategies._bodies import plain
from trioflow.testing.strategies._specs import WorkflowSpec

specs = workflow_specs(Taste(limits=False, on_error=("finish", "collect"), events=("go", "never")))


@settings(max_examples=examples(40, 2000))
@given(specs, inputs())
def test_a_run_comes_to_what_the_model_says(spec: WorkflowSpec, value: Any) -> None:
    try:
        expected = interpret(spec, value)
    except Unknown:
        reject()
    event(f"{expected.status}, {'exact' if expected.exact else 'not exact'}")

    played = play(spec, value)

    check(played)
    compare(played, expected)


# Where failures cancel siblings, the model cannot say which of them end before that.
DETERMINED = sorted(NODES.keys() - {"parallel"})


@pytest.mark.parametrize("kind", DETERMINED)
def test_every_kind_of_node_comes_to_what_the_model_says(kind: str) -> None:
    spec = WorkflowSpec("w", NODES[kind])

    compare(play(spec, 0), interpret(spec, 0))


def compare(played: Played, expected: Expected) -> None:
    """Check a run against what was expected of it."""
    result = played.result
    assert result is not None
    assert result.status == expected.status
    assert repr(plain(result.output)) == repr(plain(expected.output))  # the order of keys counts
    faults, wanted = Counter(faults_of(result.error)), Counter(map(untold, expected.faults))
    if expected.exact:
        assert faults == wanted
        assert collected(result.output) == collected(expected.output)
        assert result.state == expected.state
        assert {call.address: call.status for call in calls(played)} == expected.calls
        assert retries(played) == expected.retries
    elif expected.status == "failed":
        assert faults
        assert faults <= wanted


def calls(played: Played) -> Any:
    records = played.watcher.watched.record.calls.values()
    return [record for record in records if record.kind != "item"]


def retries(played: Played) -> Counter[str]:
    return Counter(one.address for one in played.events if isinstance(one, events.StepRetry))


def collected(output: Any) -> list[Counter[Fault]]:
    """Return the faults of each failure that is collected in an output, in order."""
    match output:
        case Failed():
            return [Counter(faults_of(output.error))]
        case Ok():
            return collected(output.value)
        case dict():
            return [fault for inner in output.values() for fault in collected(inner)]
        case list():
            return [fault for inner in output for fault in collected(inner)]
    return []


def faults_of(error: BaseException | None) -> list[Fault]:
    """Return type and text of an error, or of each one in a group."""
    if error is None:
        return []
    if isinstance(error, Faults):
        return [untold(fault) for fault in error.faults]
    if isinstance(error, BaseExceptionGroup):
        return [fault for inner in error.exceptions for fault in faults_of(inner)]
    assert isinstance(error, Exception)
    return [untold((type(error), str(error)))]


def untold(fault: Fault) -> Fault:
    """Leave out the texts that are the engine's own."""
    error, text = fault
    return error, text if error.__name__.startswith("Generated") else None
