"""What queues and workers cost: ``python -m benchmarks.workers [sqlite] [postgresql]``.

Workers are processes of their own. Each figure is compared with another one of the same run: how
soon an enqueued run begins with and without a doorbell, how long 1,000 runs take with one worker
and with two, how many statements an idle worker sends, and how soon a killed one is replaced.
"""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import trio
from trioflow_sql import SqlStore

from tests.databases import server_kit
from trioflow import Engine, Workflow, open_engine, step

ROOT = Path(__file__).parents[1]
POLL = 1.0
TIMES = 20
RUNS = 1000
CLAIM_SECONDS = 30.0
CAPACITY = 20


@step
async def begins(value: float) -> float:
    """Return when the body runs."""
    return time.time()


@step
async def waits(value: float) -> float:
    """Wait as long as for the answer of a service: what bounds a worker is its capacity."""
    await trio.sleep(1)
    return value


@step
async def lasts(value: str) -> None:
    """Write down that it runs, and run until it is killed."""
    async with await trio.Path(value).open("a") as file:
        await file.write(f"{time.time()}\n")
    await trio.sleep_forever()


FLOWS = (
    Workflow("begins", input=float, output=float).then(begins),
    Workflow("waits", input=float, output=float).then(waits),
    Workflow("lasts", input=str).then(lasts),
)


class Silent(SqlStore):
    """A store whose doorbell does not ring."""

    async def wait_runs(self, owner: str) -> None:
        await trio.sleep_forever()


# ---------------------------------------------------------------- processes
async def work(url: str, silent: bool) -> None:
    """Work until the process is killed."""
    store = Silent(url) if silent else SqlStore(url)
    async with open_engine(
        plugins=[], store=store, workflows=FLOWS, claim_seconds=CLAIM_SECONDS
    ) as engine:
        print("ready", flush=True)
        await engine.work(CAPACITY, poll=POLL)


@contextmanager
def workers(
    url: str, count: int, *options: str, wait: bool = True
) -> Generator[list[subprocess.Popen[str]], None, None]:
    """Start workers, and wait until they work; end them with the block."""
    command = [sys.executable, "-m", "benchmarks.workers", "work", url, *options]
    with contextlib.ExitStack() as stack:
        started = []
        for _ in range(count):
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
            stack.callback(process.wait)
            stack.callback(process.kill)
            started.append(process)
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        time.sleep(0.5 if wait else 0.0)
        yield started


@asynccontextmanager
async def engine_on(url: str) -> AsyncGenerator[Engine, None]:
    async with open_engine(plugins=[], store=SqlStore(url), workflows=FLOWS) as engine:
        yield engine


# ---------------------------------------------------------------- measurements
async def pick_up(url: str) -> float:
    """Return the median of the seconds from an enqueued run to its first body."""
    found = []
    async with engine_on(url) as engine:
        for number in range(TIMES):
            await trio.sleep(0.1 + 0.05 * (number % 7))
            began = time.time()
            run = await engine.load_run(await engine.enqueue("begins", 0.0))
            begun: float = (await run.wait()).unwrap()
            found.append(begun - began)
    return statistics.median(found)


async def fill(url: str, workflow: str) -> None:
    """Enqueue many runs."""
    async with engine_on(url) as engine, trio.open_nursery() as nursery:
        for number in range(RUNS):
            nursery.start_soon(engine.enqueue, workflow, float(number))


async def wait_all(url: str) -> float:
    """Return when the last run was finished."""
    async with SqlStore(url) as store:
        while await store.count_runs(status=("pending", "running")):  # noqa: ASYNC110
            await trio.sleep(0.05)
    return time.perf_counter()


def many(url: str, workflow: str, count: int) -> float:
    """Return the seconds that so many workers take for many runs, from when they are started."""
    trio.run(fill, url, workflow)
    with workers(url, count, wait=False):
        began = time.perf_counter()
        return trio.run(wait_all, url) - began


def take_over(url: str, folder: Path) -> float:
    """Return the seconds from the death of a worker to the second begin of a body."""
    notes = folder / f"begins-{time.time()}"

    async def enqueue() -> str:
        async with engine_on(url) as engine:
            return await engine.enqueue("lasts", str(notes))

    async def cancel(run_id: str) -> None:
        async with engine_on(url) as engine:
            await engine.cancel_run(run_id)

    with workers(url, 1) as (first,):
        run_id = trio.run(enqueue)
        until(notes.exists)
        with workers(url, 1):
            first.kill()
            died = time.time()
            until(lambda: len(notes.read_text().splitlines()) > 1)
            begins = [float(line) for line in notes.read_text().splitlines()]
            trio.run(cancel, run_id)
    return begins[1] - died


def until(is_so: Any) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def idle_statements(url: str, server: Any) -> float:
    """Return how many statements an idle worker sends per poll, by the log of the server."""
    with server.connect() as connection:
        connection.execute("ALTER ROLE trioflow SET log_statement = 'all'")
    log = server.folder / "log"
    with workers(url, 1, "silent"):
        time.sleep(2)
        before = log.stat().st_size
        time.sleep(20 * POLL)
        said = log.read_text()[before:]
    with server.connect() as connection:
        connection.execute("ALTER ROLE trioflow RESET log_statement")
    sent = [statement for statement in said.split("LOG:  ")[1:] if "statement" in statement[:60]]
    sent += [statement for statement in said.split("LOG:  ")[1:] if "execute" in statement[:60]]
    # What shows others once a second that the process lives is not about work.
    about_work = [statement for statement in sent if "INSERT INTO trioflow_owners" not in statement]
    return len(about_work) / max(1, sum("SKIP LOCKED" in each for each in about_work))


def measure(name: str, url: str, folder: Path, server: Any = None) -> None:
    """Measure on one database; 'begins' is bound by the processors, 'waits' is not."""
    if server is not None:
        print(f"{name}: idle statements per poll {idle_statements(url, server):.2f} (target 1)")
    seconds = take_over(url, folder)
    print(f"{name}: take-over {seconds:.2f} s (target {CLAIM_SECONDS + POLL + 1:g})")
    with workers(url, 1):
        with_bell = trio.run(pick_up, url)
    with workers(url, 1, "silent"):
        without = trio.run(pick_up, url)
    print(f"{name}: pick-up {with_bell:.3f} s (target 0.3)")
    print(f"{name}: pick-up without a doorbell {without:.3f} s (target {POLL + 0.3:g})")
    for workflow in ("waits", "begins"):
        one, two = many(url, workflow, 1), many(url, workflow, 2)
        said = f"{RUNS} runs of {workflow!r}: one worker {one:.2f} s, two {two:.2f} s"
        print(f"{name}: {said}, ratio {two / one:.2f} (target 0.7)")


def main(names: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        if not names or "sqlite" in names:
            measure("sqlite", f"sqlite:{folder}/runs.db", Path(folder))
        if not names or "postgresql" in names:
            with server_kit().running_server() as server:
                measure("postgresql", server.url("postgres"), Path(folder), server)


if __name__ == "__main__":
    if sys.argv[1:2] == ["work"]:
        trio.run(work, sys.argv[2], "silent" in sys.argv[3:])
    else:
        main(sys.argv[1:])
