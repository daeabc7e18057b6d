"""The programs of the README run as they stand there, and print what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from trioflow_sql import SqlStore
from trioflow_sql.database import transact
from trioflow_sql.opening import database_for

from trioflow.abc import Append, Entry, RunHeader

README = Path(__file__).parent.parent / "README.md"
BLOCKS: list[tuple[str, str]] = re.findall(
    r"^```(\w+)\n(.*?)^```$", README.read_text("utf-8"), re.MULTILINE | re.DOTALL
)


def test_the_programs_run_one_after_the_other(tmp_path: Path) -> None:
    programs = [text for language, text in BLOCKS if language == "python"]
    [shown] = [text for language, text in BLOCKS if language == "text"]

    printed = [
        subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for program in programs
    ]

    assert printed == [shown, "0 runs that finished a month ago were deleted\n"]


async def test_the_query_to_scale_by_counts_what_waits(url: str) -> None:
    [query] = [text for language, text in BLOCKS if language == "sql"]
    header = RunHeader(run_id="r", workflow_id="w", created_at=1.0, format=1, fingerprint="{}")
    append = Append(
        run_id="r", entries=(Entry(0, 1.0, "{}"),), after=-1, status="pending", header=header
    )
    database = database_for(url, 5.0, 3.0)
    async with SqlStore(url) as store:
        await store.append([append])
        engine, _ = database.make_engines()
        found = transact(engine, lambda connection: connection.exec_driver_sql(query).scalar_one())
        engine.dispose()
        [queue] = await store.list_queues()

    assert found == queue.waiting == 1
