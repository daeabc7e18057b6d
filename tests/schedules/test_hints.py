"""What the loop of one engine sees of schedules that others put into the store."""

from __future__ import annotations

import pytest
import trio

from tests.schedules.stage import SetStore, Story, decisions, pass_hours
from trioflow import Every
from trioflow.testing import VirtualClock


@pytest.mark.parametrize("minutes", [0, 5])
async def test_a_schedule_that_another_engine_puts_ticks_beside_those_that_are_known(
    minutes: float, virtual_clock: VirtualClock
) -> None:
    """The hint of the store is the earliest only: that of the other one may hide behind it."""
    story, store = Story(), SetStore()
    ours = story.schedule()
    theirs = story.schedule(Every(hours=1, offset=minutes * 60), id="t")
    async with story.engine(store, ours) as engine, story.engine(store, runs=False) as other:
        await trio.sleep(600)
        await other.schedules.put(theirs)
        await pass_hours(1.5)

        times = [decision for _, decision in await decisions(engine, "t")]
        assert times == ["started"] * 2
        assert len(await decisions(engine)) == 2


async def test_a_tick_is_not_lost_that_comes_before_the_loop_sees_its_schedule(
    virtual_clock: VirtualClock,
) -> None:
    story, store = Story(), SetStore()
    async with story.engine(store) as engine, story.engine(store, runs=False) as other:
        await trio.sleep(1799.7)
        await other.schedules.put(story.schedule(id="first"))  # the loop looks at once
        await trio.sleep(0.1)
        await other.schedules.put(story.schedule())  # and again half a second after that
        await trio.sleep(60)

        assert await decisions(engine) == [("01:00", "started")]
