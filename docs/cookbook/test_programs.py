"""The programs of the cookbook do what their pages say."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from datetime import date, time
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
import trio

from trioflow import open_engine
from trioflow.testing import VirtualClock

HERE = Path(__file__).parent


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load(name: str) -> ModuleType:
    """Import a program under its own name, as it would be run."""
    spec = importlib.util.spec_from_file_location(name, HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_an_order_is_charged_once_after_its_approval() -> None:
    program = load("order_approval")
    bank = program.Bank()

    async def start(value: Any) -> Any:
        resources = {"bank": partial(one_of, bank)}
        async with open_engine(plugins=[], resources=resources) as engine:
            run = engine.create_run(program.order)
            result = await run.start(value)
            if result.status == "suspended":
                result = await run.resume(program.Approval(approved=value.cents < 9000, by="Ann"))
            return result

    assert (await start(program.Order(["pen"], 500))).output == "receipt 1"
    assert (await start(program.Order(["lamp"], 4000))).output == "receipt 2"
    refused = await start(program.Order(["sofa"], 90_000))
    assert str(refused.error) == "refused by Ann"
    assert list(bank.charges.values()) == [500, 4000]


async def test_nobody_answers_for_two_days(virtual_clock: VirtualClock) -> None:
    program = load("order_approval")
    async with open_engine(plugins=[], resources={"bank": program.open_bank}) as engine:
        run = engine.submit(program.order, program.Order(["lamp"], 4000))
        async with run.observe(until="finished") as stream:
            async for _ in stream:
                pass
        assert str((await run.wait()).error) == "nobody answered"


class one_of:  # noqa: N801 - stands for a function
    """An async context manager for an object that exists."""

    def __init__(self, value: object) -> None:
        self.value = value

    async def __aenter__(self) -> object:
        return self.value

    async def __aexit__(self, *exc_info: object) -> None: ...


async def test_the_crawler_stays_on_its_site_and_within_its_bounds() -> None:
    program = load("web_crawler")
    pages = {
        "/": '<a href="/a">a</a><a href="/b">b</a><a href="https://other.example/">o</a>',
        "/a": '<a href="/">home</a><a href="/c">c</a>',
        "/c": '<a href="/d">d</a>',
    }

    def answer(request: httpx.Request) -> httpx.Response:
        text = pages.get(request.url.path)
        return httpx.Response(404 if text is None else 200, text=text or "")

    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    resources = {"http": partial(one_of, client)}
    async with open_engine(plugins=[], resources=resources) as engine:
        site = "http://site.example/"
        found = await engine.run(program.crawler, program.Crawl([site], depth=3))

    assert found.seen == [f"{site}{name}" for name in ("", "a", "b", "c")]
    assert found.failed == [f"{site}b"]


def test_documents_are_ingested_and_a_broken_one_is_set_aside(
    capsys: pytest.CaptureFixture[str],
) -> None:
    program = load("rag_ingestion")

    trio.run(program.main)

    assert capsys.readouterr().out.splitlines() == [
        "{'documents': 4, 'chunks': 12, 'failed': 1}",
        "12 chunks in the index",
    ]
    trio.run(program.ingest.run, [program.Document("doc-0", "word0 " * 50)])
    assert len(program.INDEX) == 12  # under the same ids


@pytest.mark.parametrize("approve", [True, False])
async def test_the_agent_books_only_with_approval(
    approve: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    program = load("agent_approval")

    assert await program.serve(approve) == "Welcome, Ada."
    assert "may I? hotel" in capsys.readouterr().out


async def test_a_night_has_one_report(virtual_clock: VirtualClock) -> None:
    program = load("nightly_report")
    async with open_engine(plugins=[], workflows=[program.nightly]) as engine:
        day = date(2026, 11, 29)
        assert [await program.report_on(engine, day) for _ in range(3)] == [True, False, False]

        await program.every_night(engine, time(3, 0), nights=3)
        assert len(await engine.list_runs(tags=["nightly"])) >= 3


def test_films_are_transcoded_in_processes(capsys: pytest.CaptureFixture[str]) -> None:
    """In a process of its own, for workers import the program by its name."""
    done = subprocess.run(
        [sys.executable, HERE / "transcoding.py"], capture_output=True, text=True, check=True
    )

    assert done.stdout == "3 films, 3520 bytes, 1 failed\n"
    assert sorted(path.name for path in Path("films").glob("*.enc")) == [
        "one.enc",
        "three.enc",
        "two.enc",
    ]


def test_a_failed_journey_is_undone(capsys: pytest.CaptureFixture[str]) -> None:
    program = load("saga")

    trio.run(program.main)

    assert "undone: car in Oslo, flight in Oslo" in capsys.readouterr().out
    assert {"flight in Rome", "car in Rome", "hotel in Rome"} == program.BOOKED


async def test_all_prompts_are_answered_or_reported() -> None:
    program = load("llm_batch")
    provider = program.Provider(program.Pacer(per_second=10_000))
    async with open_engine(plugins=[], resources={"provider": partial(one_of, provider)}) as engine:
        prompts = [f"prompt {n}" for n in range(30)] + ["forbidden"]
        report = await engine.run(program.batch, prompts)

    assert report.answers == [f"PROMPT {n}" for n in range(30)]
    assert report.failed == {"forbidden": "refused by the provider"}
    assert provider.requests == 31 + 3  # each tenth was asked for twice


async def test_the_pacer_lets_so_many_begin_per_second(virtual_clock: VirtualClock) -> None:
    pacer = load("llm_batch").Pacer(per_second=10)
    for _ in range(21):
        await pacer.wait()
    assert trio.current_time() == pytest.approx(2)


async def test_a_client_that_comes_back_gets_what_it_has_missed() -> None:
    program = load("chat_sse")
    transport = httpx.ASGITransport(program.app)
    async with (
        program.lifespan(program.app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client,
    ):
        run = (await client.post("/ask", json={"question": "Oslo?"})).json()["run"]
        whole = (await client.get(f"/answers/{run}")).text
        records = whole.split("\n\n")
        words = [json.loads(each.partition("data: ")[2]) for each in records[:-2]]
        assert "".join(words) == "You asked: Oslo? It is raining. "

        second = records[1].partition("\n")[0].removeprefix("id: ")
        rest = (await client.get(f"/answers/{run}", headers={"Last-Event-ID": second})).text
        assert rest == "\n\n".join(records[2:])


def test_bad_rows_and_files_do_not_stop_the_load(capsys: pytest.CaptureFixture[str]) -> None:
    program = load("etl")

    trio.run(program.main)

    out = capsys.readouterr().out
    assert "loaded: 2" in out
    assert "a.csv:3" in out
    assert "c.csv" in out


def test_a_failing_job_kills_the_others(capsys: pytest.CaptureFixture[str]) -> None:
    program = load("ci_runner")

    trio.run(program.main)

    out = capsys.readouterr().out
    assert "published, after 2 jobs" in out
    assert out.splitlines()[-1] == "bad exited with 3"
