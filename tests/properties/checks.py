"""What must hold of every run that was played."""

from __future__ import annotations

from tests.properties.fail_fast import check_fail_fast
from tests.properties.stage import Played
from trioflow import events
from trioflow.addresses import Address
from trioflow.testing import check_events


def check(played: Played) -> None:
    """Check what holds in every scene."""
    check_events(played.events, played.workflow)
    played.watcher.check()
    for heard in played.heard:
        wanted = played.events[heard.first :]
        assert heard.events == (wanted if heard.to_the_end else wanted[: len(heard.events)])
    assert not played.witness.excess
    assert not +played.witness.running
    check_addresses(played)
    check_fail_fast(played)
    check_taken_once(played)
    check_result(played)


def check_result(played: Played) -> None:
    """Check that the result says what the events say."""
    result, finish = played.result, played.events[-1]
    assert result is not None
    assert isinstance(finish, events.Finish)
    assert result.status == finish.status
    assert result.output == finish.result
    assert result.error is finish.error
    if played.left_running:
        assert result.status == "canceled"


def check_addresses(played: Played) -> None:
    """Check that the addresses which the engine puts together say what is inside of what."""
    open_ids: dict[Address, str] = {}
    for event in played.events:
        if not isinstance(event, events.StepEvent):
            continue
        *around, own = Address.parse(event.address).walk()
        outer_ids = [open_ids[outer.call] for outer in around]
        assert all(f"{event.id}.".startswith(f"{id}.") for id in outer_ids)
        if own.arm is not None:
            assert event.id == ".".join([*outer_ids[-1:], own.arm])
        if isinstance(event, events.StepStart | events.StepWaiting):
            open_ids[own.call] = event.id
        elif isinstance(event, events.StepFinish | events.StepSuspended):
            del open_ids[own.call]


def check_taken_once(played: Played) -> None:
    """Check that each event from outside was taken by one wait for its name at most."""
    sent = {one.seq: one.event for one in played.events if isinstance(one, events.EventReceived)}
    for taken in played.events:
        if isinstance(taken, events.EventTaken):
            assert sent.pop(taken.received) == taken.event
            assert taken.received < taken.seq
