"""A database that goes away under many runs, for shorter and for longer than claims last."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from tests.databases import POSTGRESQL, SQLITE, Opens
from tests.outages.ticking import RUNS, Ticking
from trioflow import open_engine

pytest.importorskip("trioflow_sql", reason="trioflow-sql is not installed")

SECONDS = [
    pytest.param(3, marks=pytest.mark.slow),
    pytest.param(10, marks=pytest.mark.campaign),
    pytest.param(40, marks=pytest.mark.campaign),
]
"""40 is longer than claims last that are not renewed, and shorter than engines are patient."""


@pytest.mark.parametrize("seconds", SECONDS)
@pytest.mark.parametrize("opens", [SQLITE, POSTGRESQL])
async def test_a_database_that_goes_away_fails_no_run(
    opens: Opens, seconds: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ticking = Ticking()
    with opens(tmp_path) as database:
        async with open_engine(store=database.url, workflows=[ticking.workflow]) as engine:
            for number in range(RUNS):
                engine.submit("ticking", 0, run_id=f"run-{number}")
            await trio.sleep(1)
            with database.away():
                await trio.sleep(seconds)
            found = await ticking.check(engine)
    with capsys.disabled():
        print(f"\n{seconds} s:", ", ".join(f"{number} {name}" for name, number in found.items()))
    assert found["crashes"] == 0
    if seconds < 20:
        assert found["interruptions"] == 0
        assert found["bodies of calls that ran again"] == 0
