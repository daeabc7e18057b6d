"""A process of its own that holds claims, for the tests of what happens when it dies.

python owner.py hold URL OWNER RUNS...   claims runs, prints that it has, and waits to be killed
python owner.py fork URL OWNER RUNS...   the same, beside a child that was forked and goes on
"""

from __future__ import annotations

import os
import sys

import trio
from trioflow_sql import SqlStore


async def main(what: str, url: str, owner: str, run_ids: list[str]) -> None:
    """Do what the arguments say."""
    async with SqlStore(url, patience=60.0) as store, store.open_owner(owner):
        for run_id in run_ids:
            assert await store.claim(run_id, owner, 600.0)
        child = os.fork() if what == "fork" else 0
        if what == "fork" and child == 0:
            os.read(0, 1)  # until the test is over
            os._exit(0)
        print("holds", child, flush=True)
        await trio.sleep_forever()


_, what, url, owner, *run_ids = sys.argv
trio.run(main, what, url, owner, run_ids)
