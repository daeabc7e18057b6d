"""No run of an engine on a database can hurt another one there."""

from __future__ import annotations

from trioflow_sql import SqlStore

from trioflow.testing import assert_no_leaks, check_isolation


async def test_what_goes_wrong_in_a_run_stays_there(url: str) -> None:
    with assert_no_leaks():
        await check_isolation(lambda: SqlStore(url))
