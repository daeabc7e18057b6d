"""A long time in which nothing looked: what starts, and that the work for it is bounded."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile

import attrs
import pytest
import trio
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.schedules.stage import SetStore, Story
from trioflow import Cron, Every, Schedule
from trioflow.abc import StoredSchedule
from trioflow.schedules import Missed, Rule
from trioflow.schedules._book import stored_of
from trioflow.schedules._deciding import record_of
from trioflow.schedules._due import COUNTED, SHOWN, TURN, Due, look
from trioflow.testing import VirtualClock

SINCE = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)
MINUTE = timedelta(minutes=1)
NOW = (SINCE + YEAR).timestamp() + 30


@attrs.frozen
class Counting:
    """A rule that counts how many of its times are looked at."""

    rule: Rule
    looked_at: list[datetime] = attrs.field(factory=list)

    def after(self, moment: datetime) -> Iterator[datetime]:
        for time in self.rule.after(moment):
            self.looked_at.append(time)
            yield time


def stored(schedule: Schedule) -> StoredSchedule:
    return stored_of(schedule, SINCE.timestamp(), input=None, is_declared=True, wake_at=None)


@pytest.mark.slow
@pytest.mark.parametrize("missed", ["last", "all", "none"])
@pytest.mark.parametrize("catch_up", [timedelta(0), YEAR])
async def test_a_year_of_minutes_is_caught_up_in_bounded_work(
    missed: Missed, catch_up: timedelta
) -> None:
    """Of all late runs only the newest are wanted: PrefectHQ/prefect#15886."""
    counting, turns = Counting(Cron("* * * * *")), 0
    schedule = Schedule("s", "w", counting.rule, catch_up=catch_up, missed=missed)
    before = stored(schedule)
    object.__setattr__(schedule, "rules", (counting,))

    async def take_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take_turns)
        due = await look(schedule, before, (), NOW, NOW)
        nursery.cancel_scope.cancel()

    number = {"last": 1, "all": 100 if catch_up else 1, "none": 0}[missed]
    assert list(due.start) == [NOW - 30 - 60 * each for each in range(number)][::-1]
    assert len(counting.looked_at) < COUNTED + 10 * SHOWN
    assert turns > COUNTED // TURN // 2
    assert len(due.missed) <= 2 * (SHOWN + 1)
    assert sum(record.count for record in due.missed) > COUNTED
    assert (due.to, due.next) == (NOW - 30, NOW + 30)


RULES: st.SearchStrategy[Rule] = st.one_of(
    st.builds(Every, minutes=st.integers(40, 900), offset=st.integers(0, 600)),
    st.builds(Cron, st.sampled_from(["*/20 3,9 * * *", "0 * * * 1", "30 2 * * *", "0 0 5 * *"])),
)


@given(
    rule=RULES,
    days=st.floats(0.01, 40),
    missed=st.sampled_from(["last", "all", "none"]),
    catch_up=st.sampled_from([0, 3600, 86_400, 40 * 86_400]),
    jitter=st.sampled_from([0, 7000]),
    seen=st.floats(0, 1),
    known=st.lists(st.integers(0, 60), max_size=5),
)
@example(Every(minutes=230), 27.0, "last", 40 * 86_400, 0, 0.125, [17])
@example(Every(minutes=230), 27.0, "last", 40 * 86_400, 0, 0.125, [14, 15, 16, 17, 18, 19, 20, 21])
@settings(deadline=None)
def test_what_starts_does_not_depend_on_how_the_work_is_bounded(
    rule: Rule,
    days: float,
    missed: Missed,
    catch_up: float,
    jitter: float,
    seen: float,
    known: list[int],
) -> None:
    schedule = Schedule(
        "s", "w", rule, missed=missed, catch_up=catch_up, jitter=jitter, limit_catch_up=3
    )
    now = SINCE.timestamp() + days * 86_400
    seen_since = SINCE.timestamp() + days * 86_400 * seen
    ticks = [tick.timestamp() for tick in islice(schedule.after(SINCE), 61)]
    records = [
        record_of(schedule, ticks[each], "skipped", now) for each in known if ticks[each] <= now
    ]

    def looked() -> Due:
        return trio.run(look, schedule, stored(schedule), records, now, seen_since)

    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"SHOWN": 4, "TURN": 3}.items():
            patch.setattr(f"trioflow.schedules._due.{name}", value)
        whole = looked()
        patch.setattr("trioflow.schedules._due.COUNTED", 5)
        bounded = looked()

    assert (bounded.start, bounded.to, bounded.next) == (whole.start, whole.to, whole.next)
    assert not {record.at for record in records} & set(whole.start)
    alone, bounded_alone = (
        {record.at for record in each.missed if record.count == 1} for each in (whole, bounded)
    )
    end = min(now, seen_since) - jitter  # what comes after it may not be late
    all_late = takewhile(lambda at: at <= end, (t.timestamp() for t in schedule.after(SINCE)))
    newest = [at for at in all_late if at not in {record.at for record in records}][-4:]
    assert bounded_alone >= alone & set(newest)
    decided = {*whole.start, *(record.at for record in records)}
    for tick in ticks:
        if tick <= whole.to and tick not in decided:
            assert any(record.covers(tick) for record in whole.missed)


@pytest.mark.slow
async def test_a_year_of_minutes_in_an_engine(virtual_clock: VirtualClock) -> None:
    story, store = Story(), SetStore()
    schedule = story.schedule(Cron("* * * * *"), catch_up=YEAR, missed="all", overlap="allow")
    other = story.schedule(Every(hours=1), id="other")
    async with story.engine(store, schedule):
        pass
    store.ahead += YEAR.total_seconds() + 30
    async with story.engine(store, schedule, other) as engine:
        await trio.sleep(1)
        info = await engine.schedules.get("s")
        records = await engine.schedules.ticks("s", None)

    started = [record for record in records if record.decision == "started"]
    assert len(started) == 100
    assert started[-1].number_missed > COUNTED
    assert len(records) == 101
    assert len(story.began) == 100
    assert info.next == store.at().replace(second=0, microsecond=0) + MINUTE
