"""The same workflow file gives the same in every place, and with any number of workers."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from tests.everywhere.flow import ORDERS, orders
from trioflow import Engine, events, open_engine
from trioflow.runners import InlineRunner
from trioflow.testing import check_events

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
NEEDED = {"inline": "sql", "thread": "sql", "process": "process", "ray": "ray"}
ALONE = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]
IDENTITY = [] if os.geteuid() == 0 else ["-U", "--preserve-credentials"]
UP = 'ip link set lo up && exec "$@"'


def can_be_alone() -> bool:
    """Return whether this machine gives processes a network of their own, as Ray must have here."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    command = [*ALONE, "sh", "-c", UP, "sh", "true"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def skip_without(place: str) -> None:
    for plugin in {"sql", NEEDED[place]}:
        if importlib.util.find_spec(f"trioflow_{plugin}") is None:
            pytest.skip(f"trioflow-{plugin} is not installed")
    if place == "ray" and not can_be_alone():
        pytest.skip("no network namespaces here, so Ray is not started")


@attrs.frozen
class Place:
    """Where bodies run, and how a process gets there."""

    name: str
    prefix: Sequence[str] = ()
    """What a command begins with that works there."""
    environment: Mapping[str, str] = attrs.field(factory=dict)


def with_path() -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path}


@contextmanager
def on_ray() -> Iterator[Place]:
    """Keep a cluster in a network of its own, which is entered like its keeper's."""
    command = [*ALONE, "sh", "-c", UP, "sh", sys.executable, "-m", "tests.everywhere.cluster"]
    # Nobody else can reach it, and a token would be a file in the user's home.
    settings = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**with_path(), **settings},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as keeper:
        assert keeper.stdout is not None
        address = keeper.stdout.readline().strip()
        assert address, "the cluster has not started"
        enter = ["nsenter", "-t", str(keeper.pid), "-n", *IDENTITY]
        yield Place("ray", enter, {**settings, "RAY_ADDRESS": address})


@pytest.fixture(scope="module", params=NEEDED)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    skip_without(request.param)
    if request.param != "ray":
        yield Place(request.param)
        return
    with on_ray() as found:
        yield found


@contextmanager
def hosts(place: Place, store: str, mode: str, count: int) -> Iterator[Sequence[Any]]:
    """Start hosts that run the file in a place; end those that work."""
    host = [sys.executable, "-m", "tests.everywhere.host", place.name, store, mode]
    command = [*place.prefix, *host]
    environment = {**with_path(), **place.environment}
    started = [subprocess.Popen(command, cwd=ROOT, env=environment) for _ in range(count)]
    try:
        yield started
    finally:
        for process in started:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        for process in started:
            process.wait(60)


async def everything(engine: Engine) -> list[tuple[Any, ...]]:
    """Return what is the same wherever the runs were: results, and the events of each call."""
    found: list[tuple[Any, ...]] = []
    for number in range(len(ORDERS)):
        run = await engine.load_run(f"r{number}")
        result = await run.wait()
        async with run.observe(until="finished") as stream:
            log: list[events.Event] = [event async for event in stream]
        check_events(log, orders)
        calls: dict[str, list[Any]] = {}
        for event in log:
            if isinstance(event, events.StepBegin | events.Recover):
                continue  # whether a body had to wait, and a worker took the run, is of the place
            address = getattr(event, "address", "")
            about = [getattr(event, name, None) for name in ("status", "output", "attempt")]
            error = getattr(event, "error", None)
            calls.setdefault(address, []).append((event.type, *about, repr(error)))
        for call in calls.values():  # items end in any order
            call.sort(key=repr)
        found.append((result.status, result.output, result.state, calls))
    return found


async def outcome(place: Place, workers: int, folder: Path) -> list[tuple[Any, ...]]:
    """Run the file in a place, on so many workers; 0 means in the process that starts the runs."""
    store = f"sqlite:{folder}/runs.db"
    runners = {"work": InlineRunner()}  # nothing runs in this engine
    async with open_engine(
        plugins=["sql"], workflows=[orders], store=store, runners=runners
    ) as engine:
        if workers:
            for number, order in enumerate(ORDERS):
                await engine.enqueue("orders", order, run_id=f"r{number}")
        with hosts(place, store, "work" if workers else "run", max(workers, 1)) as started:
            if not workers:
                assert await trio.to_thread.run_sync(started[0].wait) == 0
            with trio.fail_after(180):
                return await everything(engine)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Any, ...]]:
    skip_without("inline")
    return trio.run(outcome, Place("inline"), 0, tmp_path_factory.mktemp("inline"))


@pytest.mark.parametrize("workers", [0, 1, 4])
async def test_the_same_everywhere(
    place: Place, workers: int, tmp_path: Path, expected: list[tuple[Any, ...]]
) -> None:
    found = await outcome(place, workers, tmp_path)

    assert [status for status, *_ in found] == ["success"] * len(ORDERS)
    assert found == expected
