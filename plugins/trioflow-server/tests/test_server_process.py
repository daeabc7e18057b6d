"""The command ``trioflow serve``: how it starts, and how it ends."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
import trio

from trioflow import Every, Schedule, open_engine

from . import flows
from .processes import PLUGIN, open_process
from .sockets import open_raw

RUNS, STREAMS = 100, 200


@pytest.mark.slow
async def test_sigterm_ends_streams_with_a_comment_and_leaves_all_runs_recoverable(
    tmp_path: Path,
) -> None:
    store = f"sqlite:{tmp_path / 'runs.db'}"
    ended = 0
    async with open_process("--store", store, "--grace", "0.2") as served:
        async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
            for number in range(RUNS):
                body = {"inputData": number, "runId": f"r{number}"}
                answer = await client.post("/api/workflows/slow/runs", json=body)
                assert answer.status_code == 201
        following = trio.Event()
        opened = 0

        async def follow(number: int) -> None:
            nonlocal ended, opened
            async with open_raw(served.url) as raw:
                await raw.request("GET", f"/api/workflows/slow/runs/r{number % RUNS}/events")
                await raw.until(b"event: step-start")
                opened += 1
                if opened == STREAMS:
                    following.set()
                rest = await raw.rest()
                ended += b": the server is closing\n\n" in rest and rest.endswith(b"0\r\n\r\n")

        with trio.fail_after(120):
            async with trio.open_nursery() as nursery:
                for number in range(STREAMS):
                    nursery.start_soon(follow, number)
                await following.wait()
                assert await served.end() == 0

    assert ended == STREAMS
    async with open_engine(store=store, plugins=["sql"], workflows=[flows.slow]) as engine:
        infos = await engine.list_runs(limit=None, status="running")
        recovered = await engine.recover()

        assert sorted(run.run_id for run in recovered) == sorted(i.run_id for i in infos)
        assert len(recovered) == RUNS


@pytest.mark.slow
async def test_a_client_that_does_not_read_cannot_keep_a_server_from_ending(
    tmp_path: Path,
) -> None:
    store = f"sqlite:{tmp_path / 'runs.db'}"
    async with open_process("--store", store, "--grace", "0") as served:
        async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
            body = {"inputData": 20_000}
            path = "/api/workflows/chatty/start-async?runId=r"
            assert (await client.post(path, json=body)).status_code == 200
        async with open_raw(served.url) as raw:
            await raw.request("GET", "/api/workflows/chatty/runs/r/events")
            await raw.until(b"event: start")
            with trio.fail_after(20):
                assert await served.end(signal.SIGINT) == 0


OWN = """
from contextlib import asynccontextmanager
from trioflow import StepContext, Workflow, hookimpl, step

@asynccontextmanager
async def open_kettle():
    yield "hot"

@step
async def boil(number: int, ctx: StepContext) -> str:
    return await ctx.resource("kettle", str)

@hookimpl
def trioflow_resources():
    return {"kettle": open_kettle}

tea = Workflow("tea", input=int, output=str).then(boil)
"""


@pytest.mark.slow
async def test_hooks_in_the_module_of_a_target_are_used(tmp_path: Path) -> None:
    (tmp_path / "own_tea.py").write_text(OWN)
    async with (
        open_process(targets=["own_tea:tea"], cwd=tmp_path) as served,
        httpx.AsyncClient(base_url=served.url, timeout=60) as client,
    ):
        answer = await client.post("/api/workflows/tea/start-async", json={"inputData": 1})

    assert answer.json()["result"] == "hot"


def run_serve(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "trioflow", "serve", "--port", "0", *options],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=PLUGIN,
        check=False,
    )


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--host", "0.0.0.0"), "--host: 0.0.0.0 can be reached from other machines"),
        (("--token-file", "/nowhere"), "--token-file: it cannot be read: No such file"),
        (("--cors-origin", "*"), "--cors-origin: '*' is not an origin"),
        (("--base-path", "flows"), "--base-path: 'flows' does not begin with a slash"),
        (("--max-streams", "0"), "limit of streams per client: 0 is not above 0"),
        (("nowhere:flow",), "there is no module 'nowhere'"),
        (("no.such.flow",), "unknown workflow 'no.such.flow'"),
    ],
)
def test_what_cannot_be_served_is_said_at_once(options: tuple[str, ...], problem: str) -> None:
    done = run_serve(*options)

    assert done.returncode == 2
    assert problem in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--no-schedules",)])
async def test_the_server_starts_the_runs_of_schedules_unless_told_not_to(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    store = f"sqlite:{tmp_path / 'runs.db'}"
    async with open_engine(plugins=["sql"], workflows=[flows.doubled], store=store) as engine:
        schedules = engine.schedules
        await schedules.put(Schedule("often", flows.doubled, Every(0.05), 1, overlap="allow"))
        async with open_process("--store", store, *options) as served:
            async with httpx.AsyncClient(base_url=served.url, timeout=60) as client:
                for _ in range(20):
                    answer = await client.get("/api/schedules/often/next", params={"n": 1})
                    assert len(answer.json()["ticks"]) == 1
            with trio.fail_after(60):
                while not options and not await schedules.ticks("often"):  # noqa: ASYNC110
                    await trio.sleep(0.05)
            records = await schedules.ticks("often")

    assert bool(records) == (not options)
