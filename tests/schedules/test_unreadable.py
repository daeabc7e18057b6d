"""A schedule that this program cannot read: the others are kept, and it can be dealt with."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pytest
import trio

from tests.schedules.stage import SetStore, pass_hours
from tests.schedules.unreadable import WRONG, spoil
from trioflow import Every, Schedule, Workflow, open_engine, step
from trioflow.errors import UnreadableScheduleError
from trioflow.schedules import Schedules
from trioflow.testing import VirtualClock

ALL = pytest.mark.parametrize("rule", WRONG.values(), ids=WRONG)
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@step
async def see(word: str) -> str:
    return word


FLOW = Workflow("flow", input=str, output=str).then(see)


async def spoiled(rule: str) -> SetStore:
    """Return a store with one schedule that can be read, and one that cannot."""
    store = SetStore()
    async with open_engine(plugins=(), workflows=[FLOW], store=store) as engine:
        for id in ("bad", "good"):
            await engine.schedules.put(Schedule(id, FLOW, Every(hours=1), id))
    await spoil(store, "bad", rule)
    return store


@ALL
async def test_it_is_listed_with_its_problem_and_others_are_kept(
    rule: str, virtual_clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    store = await spoiled(rule)
    with caplog.at_level(logging.ERROR, "trioflow"):
        async with open_engine(plugins=(), workflows=[FLOW], store=store, schedule=True) as engine:
            await pass_hours(3)
            await trio.sleep(1)
            bad, good = await engine.schedules.list()
            runs = await engine.list_runs(workflow="flow")

    assert (bad.id, bad.workflow, bad.words, bad.next, good.error) == (
        "bad",
        "flow",
        "",
        None,
        None,
    )
    assert good.schedule.input == "good"
    with pytest.raises(UnreadableScheduleError, match="schedule 'bad' cannot be read"):
        _ = bad.schedule
    assert [run.status for run in runs] == ["success"] * 3
    assert len([each for each in caplog.records if "schedule bad" in each.message]) == 1


NEEDS_THE_RULE: dict[str, Callable[[Schedules], Awaitable[object]]] = {
    "next": lambda schedules: schedules.next("bad"),
    "trigger": lambda schedules: schedules.trigger("bad"),
    "backfill": lambda schedules: schedules.backfill("bad", LONG_AGO, LONG_AGO),
    "resume": lambda schedules: schedules.resume("bad"),
}


@ALL
async def test_what_needs_the_rule_is_refused_and_the_rest_works(rule: str) -> None:
    async with open_engine(plugins=(), workflows=[FLOW], store=await spoiled(rule)) as engine:
        schedules = engine.schedules
        await schedules.pause("bad", "until the machine has it")
        for do in NEEDS_THE_RULE.values():
            with pytest.raises(UnreadableScheduleError, match="'bad'"):
                await do(schedules)
        info = await schedules.get("bad")
        assert (info.is_paused, info.reason) == (True, "until the machine has it")

        replaced = await schedules.put(Schedule("bad", FLOW, Every(hours=2), "mended"))
        await schedules.delete("good")
        await spoil(engine.store, "bad", rule)  # type: ignore[arg-type]
        await schedules.delete("bad")

        assert (replaced.error, replaced.schedule.input) == (None, "mended")
        assert list(await schedules.list()) == []


async def test_the_message_names_what_is_missing() -> None:
    async with open_engine(
        plugins=(), workflows=[FLOW], store=await spoiled(WRONG["zone"])
    ) as engine:
        info = await engine.schedules.get("bad")

    assert "Mars/Base" in str(info.error)
    assert "replace or delete it" in str(info.error)


def test_rules_in_this_file_are_wrong_in_one_way_only() -> None:
    assert set(json.loads(WRONG["zone"])) == {"when", "start", "end", "limit"}
