"""A worker finds the schedule of the page, and starts its run when it is triggered."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
import trio
from _tools.transcripts import save_files

from trioflow import open_engine

PAGE = Path(__file__).parent / "howto" / "schedules.md"


async def test_the_schedule_of_the_page_starts_its_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_files(PAGE.read_text("utf-8"), tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    nightly = importlib.import_module("nightly")
    monkeypatch.delitem(sys.modules, "nightly")
    store = f"sqlite:{tmp_path / 'runs.db'}"

    async with open_engine(plugins=["sql", nightly], store=store, schedule=True) as engine:
        with trio.fail_after(60):
            [info] = await engine.schedules.list()
            tick = await engine.schedules.trigger("nightly")
            while not (runs := await engine.list_runs(status="success")):
                await trio.sleep(0.1)  # the engine starts it in its own time
            result = await (await engine.load_run(runs[0].run_id)).wait()

    assert info.words == "at 02:30 (Europe/Berlin)"
    assert runs[0].run_id == tick.run_id
    assert result.output == "sales are fine"
