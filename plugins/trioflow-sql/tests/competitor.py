"""A process of its own that uses a store, for the tests of several at once.

    python competitor.py claim URL OWNER RUNS     claims all runs it can get, prints those
    python competitor.py append URL OWNER TIMES   appends to one run, prints which seqs won
    python competitor.py write URL OWNER 0        appends until it is killed, prints each seq

The first line says that the store is open; what has to be done begins with a line of input.
"""

from __future__ import annotations

import sys

import trio
from trioflow_sql import SqlStore

from trioflow.abc import Append, Entry, RunHeader


async def claim(store: SqlStore, owner: str, runs: int) -> None:
    """Claim the runs, each once."""
    for number in range(runs):
        if await store.claim(f"run {number}", owner, 600.0):
            print(number, flush=True)


async def append(store: SqlStore, owner: str, times: int) -> None:
    """Append behind whatever is last, as often as it works."""
    for _ in range(times):
        run = await store.get("shared")
        assert run is not None
        entry = Entry(run.last_seq + 1, 1.0, f'"{owner}"')
        [conflict] = await store.append(
            [Append(run_id="shared", entries=(entry,), after=run.last_seq, status="running")]
        )
        if conflict is None:
            print(entry.seq, flush=True)


async def write(store: SqlStore, owner: str, _: int) -> None:
    """Append to a run of its own and to the shared one, three entries each, for ever."""
    header = RunHeader(run_id=owner, workflow_id="w", created_at=1.0, format=1, fingerprint="{}")
    await store.append(
        [Append(run_id=owner, entries=(), after=-1, status="running", header=header)]
    )
    last = -1
    while True:
        entries = tuple(Entry(last + 1 + index, 1.0, "x" * 500) for index in range(3))
        [conflict] = await store.append(
            [Append(run_id=owner, entries=entries, after=last, status="running")]
        )
        assert conflict is None, conflict
        last += 3
        print(last, flush=True)


async def main(what: str, url: str, owner: str, times: int) -> None:
    """Do what the arguments say."""
    # Patient, because the machine may be busy with other tests.
    async with SqlStore(url, patience=60.0) as store:
        print("open", flush=True)
        await trio.to_thread.run_sync(sys.stdin.readline)
        await {"claim": claim, "append": append, "write": write}[what](store, owner, times)


_, what, url, owner, times = sys.argv
trio.run(main, what, url, owner, int(times))
