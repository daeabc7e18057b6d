"""Ticks that are asked for while the schedule is paused or busy."""

from __future__ import annotations

import trio

from tests.schedules.stage import HOUR, SetStore, Story, decisions, pass_hours
from trioflow.testing import VirtualClock


async def test_a_tick_that_was_asked_for_waits_and_starts_even_in_a_paused_schedule(
    virtual_clock: VirtualClock,
) -> None:
    story, store = Story(), SetStore()
    schedule = story.schedule(seconds=1.5 * HOUR, overlap="queue")
    async with story.engine(store, schedule) as engine:
        await pass_hours(0.6)
        await engine.schedules.pause("s")
        await trio.sleep(60)
        record = await engine.schedules.trigger("s")
        await pass_hours(4)

        assert record.decision == "queued"
        assert await decisions(engine) == [("01:00", "started"), ("01:07", "started")]
    assert story.began == [0.5 * HOUR, 2 * HOUR]
    assert story.peak == 1


async def test_two_ticks_at_the_same_moment_have_times_of_their_own(
    virtual_clock: VirtualClock,
) -> None:
    """A second trigger at once vanished elsewhere: dagster-io/dagster#32250."""
    story, store = Story(), SetStore()
    async with story.engine(store, story.schedule(overlap="allow")) as engine:
        records = [await engine.schedules.trigger("s") for _ in range(3)]
        await trio.sleep(1)

    assert len({record.at for record in records}) == 3
    assert len(story.began) == 3
