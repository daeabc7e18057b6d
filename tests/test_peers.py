"""How other engines are measured and shown, without any of them."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

import attrs
import pytest
import trio

from benchmarks.peers import chart, results, tables
from benchmarks.peers.asking import Program, open_program
from benchmarks.peers.engines import ENGINES, WORKLOADS, Engine
from benchmarks.peers.environments import UnavailableError, python_for
from benchmarks.peers.measuring import measure
from benchmarks.peers.results import Results, Row

PEERS = Path(__file__).parents[1] / "benchmarks" / "peers"
SVG = "{http://www.w3.org/2000/svg}"
STUB = Engine("stub", "Stub", module="tests.peer_program")
FOUND = Results(
    day="2026-01-02",
    machine="a machine",
    python="3.11.7",
    versions={"by-hand": {"trio": "0.35.0"}, "dbos": {"dbos": "3.4.0"}},
    rows=(
        Row("chain-1000", "by-hand", 1000, (0.04, 0.05, 0.03), (0.04, 0.05, 0.03)),
        Row("chain-1000", "trioflow", 1000, (0.004, 0.002), (0.04, 0.02)),
        Row("chain-1000", "dbos", 1000, (4.0,), (0.04,)),
        Row("foreach-1000", "dbos", 1000, reason="not done within 60 s"),
    ),
)


@asynccontextmanager
async def open_stub() -> AsyncGenerator[Program, None]:
    async with open_program(STUB, Path(sys.executable)) as program:
        yield program


# ---------------------------------------------------------------- programs
def test_every_engine_has_a_program() -> None:
    programs = {file.stem for file in (PEERS / "programs").glob("*.py")}

    assert {engine.module.rpartition(".")[2] for engine in ENGINES.values()} <= programs


async def test_a_program_says_what_it_is_and_answers() -> None:
    async with open_stub() as program:
        seconds = [await program.sample("chain-1000") for _ in range(2)]

    assert list(program.versions) == ["trio"]
    assert program.cannot["loop-1000"] == "it does not loop"
    assert seconds == [0.5, 0.5]


async def test_a_program_that_fails_says_why() -> None:
    with pytest.raises(UnavailableError, match="failed: RuntimeError: no such table"):
        async with open_stub() as program:
            await program.sample("fail")


async def test_nothing_that_a_program_started_outlives_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fifo = tmp_path / "held"
    os.mkfifo(fifo)
    monkeypatch.setenv("PEER_FIFO", str(fifo))

    async with trio.open_nursery() as nursery, open_stub() as program:
        nursery.start_soon(program.sample, "hang")
        # Opens as soon as what the program starts has opened the other end.
        file = await trio.to_thread.run_sync(fifo.open, "rb")
        nursery.cancel_scope.cancel()

    with file:
        assert file.read() == b""  # ends as soon as nobody holds the other end


# ---------------------------------------------------------------- measuring
@pytest.mark.slow
async def test_an_engine_takes_turns_with_ours(tmp_path: Path) -> None:
    reported: list[Row] = []

    found = await measure([STUB], tmp_path, 60, reported.append)

    row = found.find("chain-1000", "stub")
    floor = found.find("chain-1000", "by-hand")
    assert row in reported
    assert row is not None
    assert floor is not None
    assert row.samples == (0.5,) * 5  # one more did not count
    assert row.floor_samples == floor.samples
    assert len(floor.samples) == 18
    loop = found.find("loop-1000", "stub")
    assert loop is not None
    assert loop.reason == "it does not loop"


@pytest.mark.slow
async def test_an_engine_that_takes_too_long_is_left_and_goes_on_with_the_next_workload(
    tmp_path: Path,
) -> None:
    reported: list[Row] = []

    await measure([STUB], tmp_path, 0, reported.append)

    assert [row.reason for row in reported[:2]] == ["not done within 0 s", "it does not loop"]
    assert [row.workload for row in reported] == list(WORKLOADS)


@pytest.mark.slow
async def test_an_engine_that_cannot_be_installed_is_skipped_with_the_reason(
    tmp_path: Path,
) -> None:
    engine = attrs.evolve(STUB, requirements=(f"nothing @ file://{tmp_path}/nothing.whl",))

    with pytest.raises(UnavailableError, match=r"cannot be installed: ERROR: .*nothing\.whl"):
        await python_for(engine, tmp_path)


async def test_what_needs_no_packages_runs_in_this_environment(tmp_path: Path) -> None:
    assert await python_for(ENGINES["trioflow"], tmp_path) == Path(sys.executable)


# ---------------------------------------------------------------- results
def test_rows_give_medians_for_a_step_and_ratios_to_what_was_measured_in_between() -> None:
    row = Row("chain-1000", "dbos", 1000, (1.0, 5.0, 2.0), (0.4, 0.5, 0.5))

    assert row.microseconds == 2000
    assert row.ratio == 4


def test_results_survive_their_file(tmp_path: Path) -> None:
    results.write(FOUND, tmp_path / "results.json")

    assert results.read(tmp_path / "results.json") == FOUND


def test_the_table_shows_figures_and_why_there_are_none() -> None:
    assert tables.line(FOUND.rows[2]).split()[-3:] == ["4,000", "100", "1"]
    assert tables.line(FOUND.rows[3]).endswith("not measured: not done within 60 s")


def test_markdown_has_a_row_per_engine_and_numbers_the_reasons() -> None:
    lines = tables.markdown(FOUND).splitlines()

    assert [line.split(" | ")[:2] for line in lines[2:5]] == [
        ["| Trio by hand (F0)", "40 (1.00 x)"],
        ["| trioflow", "3.0 (0.10 x)"],
        ["| DBOS on SQLite", "4,000 (100 x)"],
    ]
    assert " (1) |" in lines[4]
    assert "(1) not measured: not done within 60 s." in lines[6]
    assert "dbos 3.4.0, trio 0.35.0." in lines[-1]


# ---------------------------------------------------------------- the chart
def drawn() -> ET.Element:
    return ET.fromstring(chart.draw(FOUND))


def test_the_chart_is_the_same_for_the_same_results() -> None:
    assert chart.draw(FOUND) == chart.draw(FOUND)


def test_the_chart_can_be_read_out() -> None:
    svg = drawn()

    assert svg.get("role") == "img"
    assert svg.get("aria-labelledby") == "title description"
    assert svg.findtext(f"{SVG}title") == chart.CAPTION
    description = svg.findtext(f"{SVG}desc") or ""
    assert "chain of 1,000 steps, DBOS on SQLite: 4.0 ms" in description


def test_the_chart_suits_dark_pages_and_needs_no_other_file() -> None:
    text = chart.draw(FOUND)

    assert "prefers-color-scheme: dark" in text
    assert "url(" not in text
    assert "href" not in text


def test_the_chart_shows_every_figure_and_why_one_is_missing() -> None:
    texts = [text.text for text in drawn().iter(f"{SVG}text")]

    assert {"40 µs", "3.0 µs", "4.0 ms", "not done within 60 s"} <= set(texts)


def test_ten_times_as_much_is_always_as_far_to_the_right() -> None:
    scale = chart.Scale.for_([30, 4000])

    first, *_, last = scale.ticks()
    assert first == (chart.LEFT, "10 µs")
    assert last == (chart.RIGHT, "10 ms")
    assert scale.x(300) - scale.x(30) == pytest.approx(scale.x(3000) - scale.x(300), abs=0.2)


def test_the_chart_in_the_repository_is_that_of_the_results_beside_it() -> None:
    found = results.read(PEERS / "results.json")

    assert (PEERS / "chart.svg").read_text("utf-8") == chart.draw(found)
    assert {row.workload for row in found.rows} == set(WORKLOADS)
    assert {row.engine for row in found.rows} == set(ENGINES)
