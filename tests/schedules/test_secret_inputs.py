"""Inputs of schedules that only a codec can read."""

from __future__ import annotations

import logging

import pytest
import trio

from tests.schedules.stage import SetStore, pass_hours
from trioflow import Every, Schedule, Workflow, open_engine, step
from trioflow.abc import Codec
from trioflow.testing import VirtualClock

WORD = "hunter2"


class Reversed(Codec):
    """Stands for encryption."""

    def encode(self, data: bytes) -> bytes:
        return b"reversed" + data[::-1]

    def decode(self, data: bytes) -> bytes:
        assert data.startswith(b"reversed")
        return data[:7:-1]


seen: list[str] = []


@step
async def see(word: str) -> str:
    seen.append(word)
    return word


FLOW = Workflow("flow", input=str, output=str).then(see)


async def put(store: SetStore) -> None:
    seen.clear()
    async with open_engine(
        plugins=(), workflows=[FLOW], store=store, codec=Reversed(), journal_chunks=True
    ) as engine:
        await engine.schedules.put(Schedule("s", FLOW, Every(hours=1), WORD))
        [info] = await engine.schedules.list()
    assert info.schedule.input == WORD


async def test_the_input_is_stored_encoded_and_read_by_another_engine(
    virtual_clock: VirtualClock,
) -> None:
    store = SetStore()
    await put(store)
    [stored] = await store.list_schedules()
    async with open_engine(
        plugins=(), workflows=[FLOW], store=store, codec=Reversed(), schedule=True
    ):
        await pass_hours(1)

    assert stored.input is not None
    assert WORD not in stored.input
    assert seen == [WORD]


async def test_without_the_codec_a_schedule_is_left_alone_and_others_are_kept(
    virtual_clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    store = SetStore()
    await put(store)
    other = Schedule("other", FLOW, Every(hours=1), "plain")
    with caplog.at_level(logging.ERROR, "trioflow"):
        async with open_engine(
            plugins=(), workflows=[FLOW], schedules=[other], store=store, schedule=True
        ):
            await pass_hours(2)
            await trio.sleep(1)
    ticks = await store.list_ticks("s", None)
    async with open_engine(plugins=(), store=store) as engine:
        infos = await engine.schedules.list()
        await engine.schedules.pause("s")
        await engine.schedules.resume("s")
        record = await engine.schedules.trigger("s")
    told = [each.message for each in caplog.records if "schedule s" in each.message]

    assert seen == ["plain", "plain"]
    assert len(told) == 1
    assert "codec" in told[0]
    assert list(ticks) == []
    assert [info.schedule.input for info in infos] == [None, "**********"]
    assert record.decision == "decided"
