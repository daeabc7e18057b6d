"""Schedules of an engine: what starts, what does not, and what is recorded of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
import trio

from tests.schedules.stage import (
    HOUR,
    START,
    SetStore,
    Story,
    decisions,
    in_virtual_time,
    pass_hours,
)
from trioflow import Every, Schedule, StepContext, Tick, Workflow, open_engine, step
from trioflow.abc import Instrument, TickRecord
from trioflow.errors import (
    DefinitionError,
    DuplicateIdError,
    StoreError,
    TickTakenError,
    UnknownNameError,
)
from trioflow.events import Start
from trioflow.hookspecs import hookimpl
from trioflow.testing import VirtualClock

ONE = datetime(2026, 6, 1, 1, tzinfo=UTC)


async def test_a_run_knows_its_tick(virtual_clock: VirtualClock) -> None:
    ticks: list[Tick | None] = []

    @step
    async def looks(value: str, ctx: StepContext) -> str:
        ticks.append(ctx.tick)
        return value

    flow = Workflow("looks", input=str, output=str).then(looks)
    schedule = Schedule("s", flow, Every(hours=1), lambda tick: tick.run_id, tags=("mine",))
    store = SetStore()
    async with open_engine(
        plugins=(), workflows=[flow], schedules=[schedule], store=store, schedule=True
    ) as engine:
        await pass_hours(1)
        await engine.run(flow, "by hand")
        run = await engine.load_run("s@2026-06-01T01:00:00Z")
        info = await engine.find_run_info(run.run_id)
        async with run.observe(until="finished") as stream:
            start = await stream.receive()

    assert (await run.wait()).output == run.run_id
    assert ticks == [Tick("s", ONE), None]
    assert info.tags == ("schedule:s", "mine")
    assert isinstance(start, Start)
    recorded = {"id": "s", "tick": "2026-06-01T01:00:00Z", "missed": 0}
    assert start.metadata["schedule"] == recorded


async def test_a_loaded_run_still_knows_its_tick(virtual_clock: VirtualClock) -> None:
    ticks: list[Tick | None] = []

    @step
    async def asks(value: int, ctx: StepContext) -> int:
        ticks.append(ctx.tick)
        return await ctx.ask("how many?", int)

    flow = Workflow("asks", input=int, output=int).then(asks)
    store = SetStore()
    async with open_engine(
        plugins=(),
        workflows=[flow],
        schedules=[Schedule("s", flow, Every(hours=1), 5)],
        store=store,
        schedule=True,
    ):
        await pass_hours(1)
    async with open_engine(plugins=(), workflows=[flow], store=store) as engine:
        run = await engine.load_run("s@2026-06-01T01:00:00Z")
        await run.resume(7)

    assert ticks == [Tick("s", ONE)] * 2


async def test_every_hour_of_a_week_has_its_run_and_none_twice(virtual_clock: VirtualClock) -> None:
    story = Story()
    async with story.engine(None, story.schedule()) as engine:
        await trio.sleep(7 * 24 * HOUR)
        info = await engine.schedules.get("s")

    assert info.starts == len(story.began) == 7 * 24


@pytest.mark.slow
async def test_every_hour_of_a_year(virtual_clock: VirtualClock) -> None:
    story = Story()
    async with story.engine(None, story.schedule()):
        await trio.sleep(365 * 24 * HOUR)

    assert len(story.began) == 365 * 24


# ---------------------------------------------------------------- where schedules come from
async def test_an_unchanged_schedule_continues_where_it_was(virtual_clock: VirtualClock) -> None:
    story, store = Story(), SetStore()
    schedule = story.schedule(catch_up=10 * HOUR, missed="all", overlap="allow")
    async with story.engine(store, schedule):
        await pass_hours(1)
    await pass_hours(2)
    async with story.engine(store, schedule) as engine:
        await pass_hours(1)

        assert await decisions(engine) == [(f"0{hour}:00", "started") for hour in (1, 2, 3, 4)]


async def test_a_changed_rule_does_not_start_the_past(virtual_clock: VirtualClock) -> None:
    """Changed cron expressions re-ran old ticks elsewhere: dagster-io/dagster#13597."""
    story, store = Story(), SetStore()
    options: Any = {"catch_up": 10 * HOUR, "missed": "all"}
    async with story.engine(store, story.schedule(**options)):
        pass
    await pass_hours(3)
    changed = story.schedule(Every(minutes=45), **options)
    async with story.engine(store, changed) as engine:
        await pass_hours(1.1)

        assert await decisions(engine) == [("03:45", "started"), ("04:30", "started")]


async def test_a_changed_option_keeps_watermark_and_pause(virtual_clock: VirtualClock) -> None:
    story, store = Story(), SetStore()
    async with story.engine(store, story.schedule()) as engine:
        await engine.schedules.pause("s", "holidays")
        before = await engine.schedules.get("s")
    await pass_hours(2)
    async with story.engine(store, story.schedule(note="new")) as engine:
        after = await engine.schedules.get("s")

    assert (after.schedule.note, after.is_paused, after.reason) == ("new", True, "holidays")
    assert after.watermark == before.watermark


async def test_a_declared_schedule_that_has_gone_is_orphaned_and_never_starts(
    virtual_clock: VirtualClock,
) -> None:
    story, store = Story(), SetStore()
    async with story.engine(store, story.schedule()):
        pass
    async with story.engine(store) as engine:
        await pass_hours(3)
        [info] = await engine.schedules.list()

    assert info.is_orphaned
    assert info.next is None
    assert story.began == []


async def test_a_schedule_put_at_runtime_is_kept_by_every_engine(
    virtual_clock: VirtualClock,
) -> None:
    story, store = Story(), SetStore()
    async with story.engine(store, runs=False) as engine, story.engine(store):
        await engine.schedules.put(story.schedule())
        await pass_hours(2)

        assert await decisions(engine) == [("01:00", "started"), ("02:00", "started")]
        with pytest.raises(DefinitionError, match="its input is a function"):
            await engine.schedules.put(story.schedule(seconds=lambda tick: 0.0))


async def test_the_run_is_of_the_workflow_as_registered_now(virtual_clock: VirtualClock) -> None:
    """A stale graph, even of a disabled workflow, ran elsewhere: mastra-ai/mastra#19169."""
    store, old, new = SetStore(), Story(), Story()
    async with old.engine(store, runs=False) as engine:
        await engine.schedules.put(old.schedule())
    async with new.engine(store):
        await pass_hours(1)
    async with open_engine(plugins=(), store=store, schedule=True):
        await pass_hours(1)

    assert (len(old.began), len(new.began)) == (0, 1)


async def test_ids_are_unique(virtual_clock: VirtualClock) -> None:
    story = Story()
    with pytest.raises(DuplicateIdError, match="schedule 's' is already provided"):
        async with story.engine(None, story.schedule(), story.schedule(note="other")):
            pass
    with pytest.raises(DefinitionError, match="is not a schedule"):
        async with story.engine(None, "hourly"):  # type: ignore[arg-type]
            pass


async def test_plugins_provide_schedules(virtual_clock: VirtualClock) -> None:
    story = Story()

    class Plugin:
        @hookimpl
        def trioflow_schedules(self) -> Any:
            return [story.schedule()]

    async with story.engine(SetStore(), plugins=[Plugin()]) as engine:
        await pass_hours(1)

        assert await decisions(engine) == [("01:00", "started")]


# ---------------------------------------------------------------- pause and end
async def test_a_resume_does_not_start_the_ticks_of_the_pause(virtual_clock: VirtualClock) -> None:
    """Re-enabling a schedule backfilled elsewhere: dagster-io/dagster#7010."""
    story, store = Story(), SetStore()
    schedule = story.schedule(catch_up=10 * HOUR, missed="all")
    async with story.engine(store, schedule) as engine:
        await pass_hours(1)
        await engine.schedules.pause("s")
        await pass_hours(3)
        assert (await engine.schedules.get("s")).next is None
        await engine.schedules.resume("s")
        await engine.schedules.resume("s")
        await pass_hours(1)

        assert await decisions(engine) == [("01:00", "started"), ("05:00", "started")]


async def test_a_failed_run_pauses_the_schedule_until_it_is_resumed(
    virtual_clock: VirtualClock,
) -> None:
    ran: list[int] = []

    @step
    async def fails(value: int) -> int:
        ran.append(value)
        raise OSError("no")

    flow = Workflow("fails", input=int, output=int).then(fails)
    schedule = Schedule("s", flow, Every(hours=1), 1, pause_on_failure=True)
    store = SetStore()
    async with open_engine(
        plugins=(), workflows=[flow], schedules=[schedule], store=store, schedule=True
    ) as engine:
        await pass_hours(3)
        info = await engine.schedules.get("s")
        assert info.is_paused
        assert info.reason == "run s@2026-06-01T01:00:00Z failed"
        assert len(ran) == 1
        await engine.schedules.resume("s")
        await pass_hours(2)

    assert len(ran) == 2


async def test_a_schedule_ends_with_its_limit_and_its_last_tick(
    virtual_clock: VirtualClock,
) -> None:
    limited, ended = Story(), Story()
    async with limited.engine(SetStore(), limited.schedule(limit=2)) as engine:
        await pass_hours(5)
        assert (await engine.schedules.get("s")).next is None
    store = SetStore()
    store.ahead -= trio.current_time()
    end = START + timedelta(hours=2)
    start = START + timedelta(hours=1)
    async with ended.engine(store, ended.schedule(start=start, end=end, jitter=HOUR)) as engine:
        await pass_hours(5)
        assert await decisions(engine) == [("02:00", "started")]

    assert len(limited.began) == 2


# ---------------------------------------------------------------- overlap
OVERLAPS: dict[str, tuple[list[str], int]] = {
    "skip": (["started", "skipped", "skipped", "started", "skipped"], 2),
    "queue": (["started", "missed", "started", "missed", "queued"], 2),
    "cancel": (["started", "started", "started", "started", "started"], 5),
    "allow": (["started", "started", "started", "started", "started"], 5),
}


@pytest.mark.parametrize("overlap", OVERLAPS)
async def test_a_tick_that_comes_while_a_run_is_unfinished(
    overlap: Any, virtual_clock: VirtualClock
) -> None:
    wanted, starts = OVERLAPS[overlap]
    story = Story()
    async with story.engine(
        SetStore(), story.schedule(seconds=2.7 * HOUR, overlap=overlap)
    ) as engine:
        await pass_hours(5)
        found = [decision for _, decision in await decisions(engine)]

    assert found == wanted
    assert len(story.began) == starts
    assert story.peak == (3 if overlap == "allow" else 1)


async def test_a_queued_tick_starts_when_the_run_ends(virtual_clock: VirtualClock) -> None:
    story = Story()
    async with story.engine(SetStore(), story.schedule(seconds=1.2 * HOUR, overlap="queue")):
        await pass_hours(3)

    assert story.began[1] - story.began[0] == pytest.approx(1.2 * HOUR, abs=3)


async def test_a_queued_tick_is_given_up_by_a_pause(virtual_clock: VirtualClock) -> None:
    story = Story()
    async with story.engine(
        SetStore(), story.schedule(seconds=5 * HOUR, overlap="queue")
    ) as engine:
        await pass_hours(2)
        await engine.schedules.pause("s")
        await pass_hours(1)
        [waiting, _] = await engine.schedules.ticks("s")

    assert (waiting.decision, waiting.reason) == ("missed", "it is paused")


@pytest.mark.parametrize("counts", [True, False])
async def test_a_suspended_run_counts_as_unfinished_unless_told_otherwise(
    counts: bool, virtual_clock: VirtualClock
) -> None:
    @step
    async def asks(value: int, ctx: StepContext) -> int:
        return await ctx.ask("how many?", int)

    flow = Workflow("asks", input=int, output=int).then(asks)
    schedule = Schedule("s", flow, Every(hours=1), 1, overlap_suspended=counts)
    async with open_engine(
        plugins=(), workflows=[flow], schedules=[schedule], store=SetStore(), schedule=True
    ) as engine:
        await pass_hours(2)
        found = [decision for _, decision in await decisions(engine)]

    assert found == ["started", "skipped" if counts else "started"]


async def test_overlap_holds_for_triggered_ticks(virtual_clock: VirtualClock) -> None:
    """First triggers ignored the policy elsewhere: temporalio/temporal#11530."""
    story = Story()
    async with story.engine(SetStore(), story.schedule(seconds=HOUR)) as engine:
        first = await engine.schedules.trigger("s", by="ann")
        second = await engine.schedules.trigger("s")
        third = await engine.schedules.trigger("s", overlap="queue")
        await trio.sleep(1)

    assert [first.decision, second.decision, third.decision] == ["decided", "skipped", "queued"]
    assert first.by == "ann"
    assert len({first.at, second.at, third.at}) == 3
    assert len(story.began) == 1


ASKED: dict[Any, tuple[list[float], list[float]]] = {
    "skip": ([0], [3]),
    "queue": ([0, 3], [3, 6]),
    "cancel": ([0, 1], [1, 4]),
    "allow": ([0, 1], [3, 4]),
}
"""When the runs of two triggers a while apart begin and end that take three of them."""
A_WHILE = HOUR / 6


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("own", ASKED)
async def test_an_overlap_that_is_asked_for_replaces_the_own_one(
    own: Any, asked: Any, virtual_clock: VirtualClock
) -> None:
    story = Story()
    rare = story.schedule(Every(weeks=100), 3 * A_WHILE, overlap=own)
    async with story.engine(SetStore(), rare) as engine:
        await engine.schedules.trigger("s")
        await trio.sleep(A_WHILE)
        await engine.schedules.trigger("s", overlap=asked)
        await trio.sleep(9 * A_WHILE)

    began, ended = ASKED[asked]
    assert [at / A_WHILE for at in story.began] == pytest.approx(began, abs=0.01)
    assert [at / A_WHILE for at in story.ended] == pytest.approx(ended, abs=0.01)


# ---------------------------------------------------------------- downtime
CATCHING_UP: dict[str, tuple[dict[str, Any], list[str]]] = {
    "by default nothing older than a minute": ({}, ["missed"] * 4),
    "the last": ({"catch_up": 9 * HOUR}, ["missed", "missed", "missed", "started"]),
    "all of a time": (
        {"catch_up": 2.4 * HOUR, "missed": "all", "overlap": "allow"},
        ["missed", "missed", "started", "started"],
    ),
    "only so many": (
        {"catch_up": 9 * HOUR, "missed": "all", "overlap": "allow", "limit_catch_up": 3},
        ["missed", "started", "started", "started"],
    ),
    "none": ({"catch_up": 9 * HOUR, "missed": "none"}, ["missed"] * 4),
    "overlap holds": (
        {"catch_up": 9 * HOUR, "missed": "all"},
        ["started", "skipped", "skipped", "skipped"],
    ),
    "the newest waits": (
        {"catch_up": 9 * HOUR, "missed": "all", "overlap": "queue"},
        ["started", "missed", "missed", "queued"],
    ),
    "the newest cancels": (
        {"catch_up": 9 * HOUR, "missed": "all", "overlap": "cancel"},
        ["missed", "missed", "missed", "started"],
    ),
}


@pytest.mark.parametrize("how", ["down", "asleep", "away"])
@pytest.mark.parametrize("case", CATCHING_UP)
async def test_ticks_that_nothing_could_start(
    case: str, how: str, virtual_clock: VirtualClock
) -> None:
    """Sleep, downtime and an outage of the store are the same. Replay even if it was switched off:
    dbos-inc/dbos-transact-py#803; all late runs at once: PrefectHQ/prefect#15886; late ones lost
    silently: agronholm/apscheduler#182; unclear rules: temporalio/documentation#5288."""
    options, wanted = CATCHING_UP[case]
    story, store = Story(), SetStore()
    schedule = story.schedule(seconds=0.5 * HOUR, **options)
    async with story.engine(store, schedule, store_patience=0.1):
        if how == "asleep":
            await trio.sleep(60)
            store.ahead += 4 * HOUR - 60
        elif how == "away":
            await trio.sleep(60)
            store.is_away = True
            await trio.sleep(4 * HOUR - 60)
            store.is_away = False
        if how != "down":
            await trio.sleep(120)
    if how == "down":
        await pass_hours(4)
        async with story.engine(store, schedule):
            await trio.sleep(120)
    async with story.engine(store, schedule, runs=False) as engine:
        found = [decision for _, decision in await decisions(engine)]

    assert found == wanted


async def test_load_alone_loses_no_tick(virtual_clock: VirtualClock) -> None:
    """A grace time of one second made late jobs vanish elsewhere:
    agronholm/apscheduler#296, #977."""
    story, store = Story(), SetStore()
    async with story.engine(store, story.schedule(Every(10), overlap="allow")) as engine:
        await trio.sleep(1)
        virtual_clock._now += 45  # nothing had a turn
        await trio.sleep(10)
        found = {decision for _, decision in await decisions(engine)}

    assert found == {"started"}
    assert len(story.began) == 5


async def test_very_many_missed_ticks_share_a_record(virtual_clock: VirtualClock) -> None:
    story, store = Story(), SetStore()
    async with story.engine(store, story.schedule(Every(1))):
        pass
    store.ahead += 30 * 24 * HOUR
    async with story.engine(store, story.schedule(Every(1))) as engine:
        await trio.sleep(0.5)
        records = await engine.schedules.ticks("s", None)

    [merged] = [record for record in records if record.count > 1]
    assert merged.count > 5000
    assert merged.first is not None
    assert len(records) < 300


# ---------------------------------------------------------------- clocks
async def test_a_watermark_in_the_future_is_set_back_and_nothing_starts_twice(
    virtual_clock: VirtualClock,
) -> None:
    story, store = Story(), SetStore()
    async with story.engine(store, story.schedule(overlap="allow")) as engine:
        store.ahead += 3 * HOUR
        await trio.sleep(120)
        await pass_hours(1)
        store.ahead -= 3 * HOUR
        await pass_hours(6)
        records = await engine.schedules.ticks("s", None)

    backs = [record for record in records if record.decision == "set-back"]
    ticks = [record.at for record in records if record.decision != "set-back"]
    assert len(backs) == 1
    assert "in the future" in (backs[0].reason or "")
    assert len(ticks) == len(set(ticks)) == 7
    assert len(story.began) == len([r for r in records if r.decision == "started"])


async def test_no_future_tick_is_stored(virtual_clock: VirtualClock) -> None:
    """Two ticks at one instant after an edit: dagster-io/dagster#32250."""
    story, store = Story(), SetStore()
    async with story.engine(store, story.schedule(jitter=600)) as engine:
        for _ in range(20):
            await trio.sleep(0.3 * HOUR)
            now = await store.now()
            assert all(record.at <= now for record in await engine.schedules.ticks("s", None))
            stored = await store.get_schedule("s")
            assert stored.watermark <= now


async def test_the_hint_for_sleeping_is_not_believed(virtual_clock: VirtualClock) -> None:
    story, store = Story(), SetStore()
    async with story.engine(store, story.schedule()) as engine:
        found = await store.get_schedule("s")
        wrong = {"version": found.version, "after": found.watermark, "to": found.watermark}
        await store.advance("s", ticks=(), wake_at=found.watermark + 60, **wrong)
        await pass_hours(2)

        assert await decisions(engine) == [("01:00", "started"), ("02:00", "started")]


# ---------------------------------------------------------------- exactly once
async def test_a_tick_that_a_dead_process_has_decided_is_started_by_another(
    virtual_clock: VirtualClock,
) -> None:
    story, store = Story(), SetStore()
    async with story.engine(store, story.schedule(), runs=False):
        found = await store.get_schedule("s")
        record = TickRecord(
            schedule="s",
            at=ONE.timestamp(),
            decision="decided",
            decided_at=ONE.timestamp(),
            run_id="s@2026-06-01T01:00:00Z",
            owner="dead",
        )
        given = {"version": found.version, "after": found.watermark, "to": record.at}
        await store.advance("s", ticks=[record], **given)
    await pass_hours(1.2)
    async with story.engine(store, story.schedule()) as engine:
        await trio.sleep(30)

        assert await decisions(engine) == [("01:00", "started")]
    assert len(story.began) == 1


async def test_a_deleted_run_does_not_start_again(virtual_clock: VirtualClock) -> None:
    story, store = Story(), SetStore()
    async with story.engine(store, story.schedule()) as engine:
        await pass_hours(1)
        await engine.delete_run("s@2026-06-01T01:00:00Z")
        with pytest.raises(TickTakenError):
            await engine.schedules.trigger("s", ONE)
        assert await engine.schedules.backfill("s", ONE, ONE) == ()
    async with story.engine(store, story.schedule()):
        await pass_hours(0.5)

    assert len(story.began) == 1


async def test_a_run_that_has_the_id_of_a_tick_makes_it_fail(virtual_clock: VirtualClock) -> None:
    story, store = Story(), SetStore()
    async with story.engine(store, story.schedule()) as engine:
        await engine.run(story.workflow, 0.0, run_id="s@2026-06-01T01:00:00Z")
        await pass_hours(1)
        [record] = await engine.schedules.ticks("s")

    assert record.decision == "failed"
    assert record.reason == "another run has the id s@2026-06-01T01:00:00Z"


async def test_an_input_that_cannot_be_had_or_does_not_fit_makes_the_tick_fail(
    virtual_clock: VirtualClock,
) -> None:
    async def give(tick: Tick) -> Any:
        await trio.sleep(1)
        return {1: "no number"}[tick.at.hour]

    story, store = Story(), SetStore()
    async with story.engine(store, story.schedule(seconds=give)) as engine:
        await pass_hours(2)
        records = await engine.schedules.ticks("s")

    assert [record.decision for record in records] == ["failed", "failed"]
    assert (records[0].reason or "").startswith("KeyError")
    assert (records[1].reason or "").startswith("InvalidValueError")


@pytest.mark.parametrize(
    "error",
    [
        SystemExit(3),
        asyncio.CancelledError(),
        GeneratorExit(),
        BaseExceptionGroup("two", [SystemExit(3), ValueError()]),
        StoreError("another", "is full"),
    ],
    ids=repr,
)
async def test_an_input_that_raises_anything_ends_neither_the_engine_nor_the_schedule(
    error: BaseException, virtual_clock: VirtualClock
) -> None:
    def give(tick: Tick) -> float:
        if tick.at.hour == 1:
            raise error
        return 0.0

    story, store = Story(), SetStore()
    async with story.engine(store, story.schedule(seconds=give)) as engine:
        await pass_hours(2)
        [second, first] = await engine.schedules.ticks("s")

    assert (first.decision, second.decision) == ("failed", "started")
    assert (first.reason or "").startswith(type(error).__name__)


async def test_an_outage_is_logged_once_and_no_tick_is_lost(
    virtual_clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    story, store = Story(), SetStore()
    schedule = story.schedule(Every(60), catch_up=HOUR, missed="all", overlap="allow")
    async with story.engine(store, schedule) as engine:
        await trio.sleep(200)
        store.is_away = True
        await trio.sleep(600)
        store.is_away = False
        await trio.sleep(200)
        found = await decisions(engine)

    assert {decision for _, decision in found} == {"started"}
    assert len(found) == len(story.began) == 16
    waits = [record for record in caplog.records if "wait for the store" in record.message]
    assert len(waits) == 1


async def test_a_schedule_whose_workflow_is_unknown_is_warned_of(
    virtual_clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    lost = Schedule("lost", "unheard-of", Every(60))

    async with open_engine(plugins=[], schedules=[lost], schedule=True) as engine:
        await trio.sleep(200)
        assert await engine.schedules.ticks("lost") == []

    warnings = [each.getMessage() for each in caplog.records if "'unheard-of'" in each.message]
    assert len(warnings) == 1
    assert "schedule lost starts no runs here" in warnings[0]


# ---------------------------------------------------------------- by hand
async def test_missed_ticks_can_be_backfilled_once(virtual_clock: VirtualClock) -> None:
    story, store = Story(), SetStore()
    async with story.engine(store, story.schedule()):
        pass
    await pass_hours(3.2)
    async with story.engine(store, story.schedule()) as engine:
        await trio.sleep(60)
        assert {decision for _, decision in await decisions(engine)} == {"missed"}
        span = (ONE, ONE + timedelta(hours=1))
        planned = await engine.schedules.backfill("s", *span, overlap="allow", dry_run=True)
        assert {decision for _, decision in await decisions(engine)} == {"missed"}
        done = await engine.schedules.backfill("s", *span, overlap="allow", by="ann")
        again = await engine.schedules.backfill("s", *span, overlap="allow")
        await trio.sleep(1)
        found = await decisions(engine)

    assert [record.at for record in planned] == [record.at for record in done]
    assert {record.by for record in done} == {"ann"}
    assert again == ()
    assert found == [("01:00", "started"), ("02:00", "started"), ("03:00", "missed")]
    assert len(story.began) == 2


async def test_a_backfilled_tick_is_not_decided_again_by_the_rule(
    virtual_clock: VirtualClock,
) -> None:
    story, store = Story(), SetStore()
    async with story.engine(store, story.schedule(), runs=False) as engine:
        await pass_hours(1)
        await engine.schedules.backfill("s", ONE, ONE)
        async with story.engine(store, story.schedule()):
            await trio.sleep(60)
        await trio.sleep(1)

        assert await decisions(engine) == [("01:00", "started")]
    assert len(story.began) == 1


@pytest.mark.parametrize("runs", [True, False])
async def test_a_trigger_starts_a_run_even_if_the_schedule_is_paused(
    runs: bool, virtual_clock: VirtualClock
) -> None:
    story, store = Story(), SetStore()
    async with story.engine(store, story.schedule(), runs=runs) as engine:
        await engine.schedules.pause("s")
        record = await engine.schedules.trigger("s")
        await trio.sleep(1)
        [found] = await engine.schedules.ticks("s")

    assert found.decision == "started"
    assert found.run_id == record.run_id
    assert len(story.began) == 1


async def test_nothing_is_decided_ahead(virtual_clock: VirtualClock) -> None:
    story, store = Story(), SetStore()
    async with story.engine(store, story.schedule()) as engine:
        with pytest.raises(ValueError, match="in the future"):
            await engine.schedules.trigger("s", store.at() + timedelta(seconds=1))
        with pytest.raises(ValueError, match="in the future"):
            await engine.schedules.backfill("s", ONE, store.at() + timedelta(seconds=1))
        with pytest.raises(ValueError, match="more than 1000 ticks"):
            await engine.schedules.backfill("s", ONE - timedelta(days=100), store.at())
        with pytest.raises(ValueError, match="no time zone"):
            await engine.schedules.trigger("s", datetime(2026, 1, 1))  # noqa: DTZ001


async def test_wrong_arguments_are_refused(virtual_clock: VirtualClock) -> None:
    story, odd = Story(), cast("Any", "odd")
    async with story.engine(SetStore(), story.schedule()) as engine:
        schedules = engine.schedules
        with pytest.raises(ValueError, match="one of skip, queue, cancel, allow, not 'odd'"):
            await schedules.trigger("s", overlap=odd)
        with pytest.raises(ValueError, match="one of skip, queue, cancel, allow, not 'odd'"):
            await schedules.backfill("s", START, START, overlap=odd)
        with pytest.raises(DefinitionError, match="'odd' is not a schedule"):
            await schedules.put(odd)
        with pytest.raises(ValueError, match="count must be >= 0, not -1"):
            await schedules.next("s", -1)
        with pytest.raises(TypeError, match="reason"):
            await schedules.pause("s", cast("Any", 3))
        assert await schedules.ticks("s") == []


async def test_an_unknown_schedule_is_told_with_the_right_one(virtual_clock: VirtualClock) -> None:
    story = Story()
    async with story.engine(None, story.schedule()) as engine:
        for call in (engine.schedules.get, engine.schedules.pause, engine.schedules.delete):
            with pytest.raises(UnknownNameError, match="did you mean 's'"):
                await call("ss")


async def test_a_deleted_schedule_starts_nothing(virtual_clock: VirtualClock) -> None:
    story, store = Story(), SetStore()
    async with story.engine(store, story.schedule()) as engine:
        await pass_hours(1)
        await engine.schedules.delete("s")
        await pass_hours(2)
        assert await engine.schedules.list() == ()

    assert len(story.began) == 1


async def test_the_next_ticks(virtual_clock: VirtualClock) -> None:
    story, store = Story(), SetStore()
    async with story.engine(store, story.schedule(limit=2)) as engine:
        found = await engine.schedules.next("s", 5)

    assert list(found) == [ONE, ONE + timedelta(hours=1)]


@pytest.mark.slow
async def test_records_are_kept_for_a_day_and_old_ones_are_removed(
    virtual_clock: VirtualClock,
) -> None:
    story, store = Story(), SetStore()
    async with story.engine(store, story.schedule(Every(60), overlap="allow")) as engine:
        await pass_hours(30)
        records = await engine.schedules.ticks("s", None)
        stored = await store.get_schedule("s")
        assert stored.kept_since == pytest.approx(stored.watermark - 24 * HOUR, abs=2 * HOUR)
        with pytest.raises(TickTakenError, match="so old"):
            await engine.schedules.trigger("s", START + timedelta(minutes=1))

    assert 24 * 60 <= len(records) <= 26 * 60


# ---------------------------------------------------------------- what is seen of it
class Watching(Instrument):
    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def on_tick(self, record: TickRecord) -> None:
        self.seen.append((record.schedule, record.decision))


class Broken(Instrument):
    def __init__(self) -> None:
        self.calls = 0

    def on_tick(self, record: TickRecord) -> None:
        self.calls += 1
        raise OSError("no")


async def test_instruments_and_observers_see_every_decision(
    virtual_clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    story, watching, broken = Story(), Watching(), Broken()
    schedule = story.schedule(seconds=1.5 * HOUR)
    async with (
        story.engine(SetStore(), schedule, instruments=[broken, watching]) as engine,
        engine.schedules.observe() as records,
    ):
        await pass_hours(2)
        seen = [(await records.receive()).decision for _ in range(3)]

    assert seen == ["decided", "started", "skipped"]
    assert watching.seen == [("s", "started"), ("s", "skipped")]
    assert broken.calls == 1


async def test_an_engine_runs_its_schedules_once(virtual_clock: VirtualClock) -> None:
    story = Story()
    async with story.engine(None, story.schedule()) as engine:
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(RuntimeError, match="already"):
            await engine.run_schedules()


def test_without_a_store_schedules_are_of_this_process() -> None:
    story = Story()

    async def main() -> None:
        async with story.engine(None, story.schedule(seconds=0.0, overlap="queue")) as engine:
            await pass_hours(3)
            assert {each for _, each in await decisions(engine)} == {"started"}

    in_virtual_time(main)
    assert len(story.began) == 3
