"""Several processes on one database: who wins, and what is left of one that is killed."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import trio
from trioflow_sql import SqlStore

from trioflow import Engine, StepContext, Workflow, open_engine, step
from trioflow.abc import Append, RunHeader, StoredRun
from trioflow.testing import check_events

COMPETITOR = Path(__file__).parent / "competitor.py"
PROCESSES = 3


def first(run_id: str) -> Append:
    header = RunHeader(run_id=run_id, workflow_id="w", created_at=1.0, format=1, fingerprint="{}")
    return Append(run_id=run_id, entries=(), after=-1, status="running", header=header)


def begin(url: str, *run_ids: str) -> None:
    """Make empty runs."""

    async def make() -> None:
        async with SqlStore(url) as store:
            await store.append([first(run_id) for run_id in run_ids])

    trio.run(make)


def stored(url: str, run_id: str) -> tuple[StoredRun, list[int]]:
    """Return a run and the numbers of its entries."""

    async def look() -> tuple[StoredRun, list[int]]:
        async with SqlStore(url) as store:
            run = await store.get(run_id)
            assert run is not None
            return run, [entry.seq for entry in await store.read(run_id, limit=10**6)]

    return trio.run(look)


@contextmanager
def competitors(
    what: str, url: str, times: int, owners: Sequence[str]
) -> Iterator[list[subprocess.Popen[str]]]:
    """Run processes that have opened the store and all begin when the block does."""
    processes = [
        subprocess.Popen(
            [sys.executable, str(COMPETITOR), what, url, owner, str(times)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for owner in owners
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "open\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def compete(what: str, url: str, times: int) -> dict[str, list[int]]:
    """Return what each of several processes has won."""
    owners = [f"owner {number}" for number in range(PROCESSES)]
    with competitors(what, url, times, owners) as processes:
        won = {}
        for owner, process in zip(owners, processes, strict=True):
            output, _ = process.communicate()
            assert process.returncode == 0
            won[owner] = [int(line) for line in output.split()]
    return won


def test_each_run_is_claimed_by_one_process(url: str) -> None:
    begin(url, *(f"run {number}" for number in range(200)))

    won = compete("claim", url, 200)

    counts = Counter(number for numbers in won.values() for number in numbers)
    assert counts == dict.fromkeys(range(200), 1)
    for owner, numbers in won.items():
        for number in numbers[:3]:
            assert stored(url, f"run {number}")[0].owner == owner


def test_each_entry_is_appended_by_one_process(url: str) -> None:
    begin(url, "shared")

    won = compete("append", url, 100)

    seqs = sorted(seq for wins in won.values() for seq in wins)
    assert seqs == [*range(len(seqs))]
    assert stored(url, "shared")[1] == seqs
    assert len(seqs) >= 100


@pytest.mark.slow
def test_a_killed_process_leaves_whole_appends_and_all_that_it_was_told_is_done(
    url: str,
) -> None:
    seed = random.randrange(2**32)
    moments = random.Random(seed)
    for number in range(10):
        owner = f"owner {number}"
        with competitors("write", url, 0, [owner]) as [process]:
            assert process.stdout is not None
            told = -1
            for _ in range(moments.randrange(1, 20)):
                told = int(process.stdout.readline())
            time.sleep(moments.random() * 0.005)  # somewhere in the next append
            process.kill()
            told = max([told, *map(int, process.stdout.read().split())])

        run, seqs = stored(url, owner)
        assert seqs == [*range(run.last_seq + 1)], f"seed {seed}"
        assert run.last_seq in (told, told + 3), f"seed {seed}"
    if url.startswith("sqlite:"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:"))) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


# ---------------------------------------------------------------- engines
@step
async def count(number: int, ctx: StepContext) -> int:
    await trio.lowlevel.checkpoint()
    return number + 1


flow = Workflow("flow", input=int, output=int)
for part in range(5):
    flow = flow.then(count.clone(f"count {part}"))


async def test_engines_share_a_database(url: str) -> None:
    results: dict[str, int] = {}

    async def work(name: str) -> None:
        async with (
            open_engine(plugins=["sql"], store=url, workflows=[flow]) as engine,
            trio.open_nursery() as nursery,
        ):
            for number in range(20):
                nursery.start_soon(run_one, engine, f"{name} {number}", number)

    async def run_one(engine: Engine, run_id: str, number: int) -> None:
        results[run_id] = (await engine.create_run(flow, run_id=run_id).start(number)).unwrap()

    async with trio.open_nursery() as nursery:
        for name in ("a", "b", "c"):
            nursery.start_soon(work, name)

    assert len(results) == 60
    assert all(value == int(run_id.split()[1]) + 5 for run_id, value in results.items())
    async with SqlStore(url) as store:
        runs = await store.list_runs(status=["success"])
        assert {run.header.run_id for run in runs} == results.keys()
        assert {run.owner for run in runs} == {None}
    async with (
        open_engine(plugins=["sql"], store=url, workflows=[flow]) as engine,
        engine.observe("b 7") as events,
    ):
        check_events([event async for event in events], flow)
