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

    opening = open_engine(
        plugins=["sql", nightly], workflows=[nightly.report], store=store, schedule=True
    )
    async with opening as engine:
        with trio.fail_after(60):
            [info] = await engine.schedules.list()
            async with engine.schedules.observe() as ticks:
                tick = await engine.schedules.trigger("nightly")
                async for record in ticks:
                    if record.decision == "started":
                        break
            assert tick.run_id is not None
            result = await (await engine.load_run(tick.run_id)).wait()

    assert info.words == "at 02:30 (Europe/Berlin)"
    assert result.output == "sales are fine"
