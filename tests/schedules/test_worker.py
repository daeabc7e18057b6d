"""Workers start the runs of schedules, unless they are told not to."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from tests.cli_support import Cli, shelf_project
from trioflow import Every, Schedule, open_engine
from trioflow.abc import TickRecord
from trioflow.stores import MemoryStore


@pytest.fixture
def cli(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cli]:
    with shelf_project(tmp_path, capfd, monkeypatch) as run:
        yield run


def schedule_often(store: MemoryStore, name: str = "once") -> None:
    """Have a workflow tick each hundredth of a second. Its run interrupts the worker."""

    async def put() -> None:
        flow = getattr(importlib.import_module("demo_flows"), name)
        async with open_engine(plugins=(), workflows=[flow], store=store) as engine:
            await engine.schedules.put(Schedule("often", flow, Every(0.01), 1))

    trio.run(put)


def ticks_of(store: MemoryStore) -> list[TickRecord]:
    async def read() -> list[TickRecord]:
        return list(await store.list_ticks("often", None))

    return trio.run(read)


def test_a_worker_starts_the_runs_of_schedules(cli: Cli) -> None:
    cli("runs")
    store = importlib.import_module("shelf_plugin").SHELF
    schedule_often(store)

    assert cli("worker", "demo_flows:once", "--drain", "0").code == 130
    assert "started" in {record.decision for record in ticks_of(store)}


def test_a_worker_without_schedules_decides_about_no_tick(cli: Cli) -> None:
    cli("submit", "demo_flows:once", "--input", "1")
    store = importlib.import_module("shelf_plugin").SHELF
    schedule_often(store)

    assert cli("worker", "demo_flows:once", "--no-schedules", "--drain", "0").code == 130
    assert ticks_of(store) == []


def test_a_step_in_the_run_of_a_schedule_may_end_after_a_signal(cli: Cli) -> None:
    cli("runs")
    store = importlib.import_module("shelf_plugin").SHELF
    schedule_often(store, "outlasting")

    assert cli("worker", "demo_flows:outlasting").code == 0
    [run, *_] = list(store._shelf.journals.values())
    assert '"step-result"' in "".join(entry.text for entry in run.entries)
