"""Each internal call raises once: that may end the run it is for, and nothing else.

Whoever waits for the run has its result or the exception, its events keep their order, the store
does not have it claimed, and another engine can recover it. What is let pass is listed.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping

import pytest

from tests.safety.injecting import Injection, Kind, Point, Survey, name_of, tracing
from tests.safety.stories import IN_A_STORE, STORIES
from tests.safety.telling import Telling

pytestmark = pytest.mark.slow


EDGES: Mapping[str, str] = {
    "trioflow._engine.life.driving:drive": "has not begun to look after the run",
    "trioflow._engine.life.driving:_drive": "has not begun to look after the run",
    "trioflow._engine.life.open_streams:drive_open": "has not begun to look after the run",
    "trioflow._engine.life.driving:carry_on": "has not begun to look after the run",
    "trioflow._engine.life.life:Life._end_waiting": "has not begun to look after the run",
    "trioflow._engine.life.driving:beginning": "has not begun to look after the claim",
    "trioflow._engine.life.registry:RunRegistry.drive": "has not begun to look after the run",
    "trioflow.record:_step_finish": "is the second half of the end of a call",
    "trioflow.record:_settle": "is a part of the end of a call",
    "trioflow._engine.running.own_context:same_context": "has not begun to look after the run",
    "trioflow._engine.journal.attending:Attendant._attend_quietly": "has not begun to look",
    "trioflow._engine.base.reporting:reported": "has not begun to look",
    "trioflow._engine.life.life:Life.come_to_rest": "tells those who wait that they need not",
    "trioflow.record:RunRecord.answers": "gives what is there, in the middle of a change",
    "trioflow.record:RunRecord.received": "gives what is there, in the middle of a change",
    "trioflow.record:RunRecord.runtime_context": "gives what is there, in the middle of a change",
    "trioflow.record:RunRecord.deadlines": "gives what is there, in the middle of a change",
    "trioflow.record:RunRecord.asks": "gives what is there, in the middle of a change",
    "trioflow.record:RunRecord.started_runs": "gives what is there, in the middle of a change",
    "trioflow.record:RunRecord.private": "gives what is there, in the middle of a change",
    "trioflow._engine.stream.opening:Opening.__aexit__": "has not begun to leave the block",
    "trioflow._engine.life.observing:Observation.__aexit__": "has not begun to close the stream",
    "trioflow._engine.life.life:Life.run_id": "is asked for by release",
    "trioflow._engine.journal.durable_runs:DurableRuns.release": "the claim has to expire then",
    "trioflow._engine.journal.durable_runs:DurableRuns.store": "is asked for by release",
}
"""Functions that are not made to raise, and why: nobody is there yet, or any more, to catch it."""
SOME = (
    ("does_everything", True, "exception"),
    ("asks_and_is_answered", True, "exit"),
    ("stays_open", False, "exception"),
    ("is_halted_and_recovered", True, "interrupt"),
)
"""Stories of which some points are tried each time."""
FEW = 6
"""How many points that are, of each of them."""
TOLD = [
    (name, is_durable)
    for name, story in STORIES.items()
    for is_durable in (False, True)
    if is_durable or story not in IN_A_STORE
]
"""All stories, in memory and in a store, unless they need one."""
MANY = 25
"""Of so many points one is tried, in slow tests."""
KINDS: tuple[Kind, ...] = ("exception", "exit", "interrupt")


def survey(story: str, is_durable: bool) -> Survey:
    """Find the internal calls of a story in which nothing goes wrong."""
    Telling(STORIES[story], is_durable).play()  # what is made once is there, then
    found = Survey()
    with tracing(found):
        Telling(STORIES[story], is_durable).play()
    return found


def points(found: Survey, *, only_first: bool) -> Iterator[tuple[Point, types.CodeType]]:
    """Yield the first, the second and the last call of each function."""
    for code, count in found.calls.items():
        if name_of(code) not in EDGES:
            for number in {1} if only_first else {1, min(2, count), count}:
                yield Point(name_of(code), number), code


def inject(story: str, is_durable: bool, kind: Kind, injection: Injection) -> None:
    telling = Telling(STORIES[story], is_durable, is_interrupted=kind == "interrupt")
    try:
        with tracing(injection):
            telling.play()
    except BaseException as exc:
        exc.add_note(f"{kind} in {injection.point}, {story}, {is_durable=}")
        raise
    # How often a function is called behind the first times depends on the clock of the machine.
    assert injection.done or injection.point.number > 2, f"no {injection.point} in {story}"


@pytest.mark.parametrize(("story", "is_durable", "kind"), SOME)
def test_some_internal_calls_raise(story: str, is_durable: bool, kind: Kind) -> None:
    found = survey(story, is_durable)
    all_points = sorted(points(found, only_first=True), key=lambda pair: pair[0])
    for point, code in all_points[:: len(all_points) // FEW + 1]:
        inject(story, is_durable, kind, Injection(point, kind, found.entries[code], code))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("story", "is_durable"), TOLD)
def test_many_internal_calls_raise(story: str, is_durable: bool, kind: Kind) -> None:
    found = survey(story, is_durable)
    all_points = sorted(points(found, only_first=True), key=lambda pair: pair[0])
    for point, code in all_points[TOLD.index((story, is_durable)) % MANY :: MANY]:
        inject(story, is_durable, kind, Injection(point, kind, found.entries[code], code))


@pytest.mark.campaign
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("story", "is_durable"), TOLD)
def test_every_internal_call_raises(story: str, is_durable: bool, kind: Kind) -> None:
    found = survey(story, is_durable)
    for point, code in points(found, only_first=kind != "exception"):
        inject(story, is_durable, kind, Injection(point, kind, found.entries[code], code))
