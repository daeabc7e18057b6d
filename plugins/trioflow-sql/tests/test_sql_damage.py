"""Runs whose rows are damaged: they cannot be continued, and concern no other run."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from trioflow import StepContext, Workflow, open_engine, step
from trioflow.errors import JournalFormatError, UnknownNameError, WorkflowChangedError


@step
async def asks(value: int, ctx: StepContext[Any]) -> str:
    if ctx.resume_data is None:
        ctx.suspend()
    return str(ctx.resume_data)


ASKS = Workflow("asks", input=int, output=str).then(asks)
RUN = "(SELECT key FROM trioflow_runs WHERE run_id = 'damaged')"
BYTES = "CAST(x'5bff5d' AS TEXT)"  # no UTF-8, as after a bit has flipped
DAMAGES = {
    "the string of an entry": f"trioflow_entries SET text = {BYTES} WHERE seq = 1 AND run = {RUN}",
    "the time of an entry": f"trioflow_entries SET at = 'soon' WHERE seq = 1 AND run = {RUN}",
    "the fingerprint": f"trioflow_headers SET fingerprint = {BYTES} WHERE run = {RUN}",
    "the workflow": f"trioflow_runs SET workflow_id = {BYTES} WHERE key = {RUN}",
    "the input": f"trioflow_headers SET input = {BYTES} WHERE run = {RUN}",
    "the tags": f"trioflow_headers SET tags = {BYTES} WHERE run = {RUN}",
    "the tags, no list": f"trioflow_headers SET tags = '3' WHERE run = {RUN}",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
async def test_a_damaged_run_is_listed_canceled_and_deleted(damage: str, tmp_path: Path) -> None:
    def engine() -> Any:
        store = f"sqlite:{tmp_path}/runs.db"
        return open_engine(plugins=["sql"], workflows=[ASKS], store=store, recover=True)

    async with engine() as first:
        for name in ("damaged", "healthy"):
            await first.submit(ASKS, 1, run_id=name, tags=["a"]).wait()
    with sqlite3.connect(tmp_path / "runs.db") as connection:
        assert connection.execute(f"UPDATE {damage}").rowcount == 1
    connection.close()

    async with engine() as second:
        assert {info.run_id for info in await second.list_runs()} == {"damaged", "healthy"}
        await second.resume_run("healthy", "yes")
        assert (await (await second.load_run("healthy")).wait()).output == "yes"
        await continues_or_refuses(second)
        await second.cancel_run("damaged")
        assert (await second.find_run_info("damaged")).status == "canceled"
        await second.delete_run("damaged")
        assert [info.run_id for info in await second.list_runs()] == ["healthy"]


async def continues_or_refuses(engine: Any) -> None:
    try:
        run = await engine.load_run("damaged")
    except (JournalFormatError, UnknownNameError, WorkflowChangedError) as refused:
        assert "damaged" in str(refused)
    else:
        assert run.status == "suspended"
