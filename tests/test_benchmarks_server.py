"""The benchmark of servers still runs, at next to no size, and says what is met."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import server
from benchmarks.measure import UnavailableError
from benchmarks.serving import servers
from benchmarks.serving.client import read_ticks, run_sums
from benchmarks.serving.dialects import DIALECTS
from benchmarks.serving.http import body_of, is_complete
from benchmarks.serving.measures import MEASURES


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Our server in a process of its own."""
    pytest.importorskip("trioflow_server")
    with servers.running(servers.ours(tmp_path_factory.mktemp("cache"))) as running:
        assert running.resident > 1_000_000
        yield running.host


@pytest.mark.slow
@pytest.mark.parametrize("dialect", ["mastra", "own"])
def test_the_client_gets_all_events_and_results(host: str, dialect: str) -> None:
    ticks = read_ticks(host, DIALECTS[dialect], readers=3, count=4, pause=0.001)
    sums = run_sums(host, DIALECTS[dialect], runs=5, clients=2)

    assert ticks["events"] == 12
    assert 0 < ticks["late"][0] <= ticks["late"][1]
    assert sums["runs"] == 5


@pytest.mark.slow
def test_the_program_measures_what_it_is_asked_for(tmp_path: Path) -> None:
    pytest.importorskip("trioflow_server")
    options = ("--servers", "trioflow", "--rounds", "1", "--only", "events-1")
    command = [sys.executable, "-m", "benchmarks.server", *options, "--cache", str(tmp_path)]
    done = subprocess.run(
        command, cwd=servers.ROOT, capture_output=True, text=True, timeout=120, check=False
    )

    assert done.returncode == 0, done.stderr
    assert "events to 1 readers" in done.stdout
    assert "events-100: not measured" in done.stdout


def test_ratios_say_how_much_better_ours_is() -> None:
    events, late = MEASURES["events-100"], MEASURES["late-1"]
    figures = {"trioflow": 6.0, "Mastra": 2.0}

    assert server.ratio(events, figures, "Mastra") == "3.0 x"
    assert server.ratio(late, figures, "Mastra") == "0.3 x"
    assert server.ratio(events, figures, "LlamaIndex") == "-"
    assert "6 /s" in server.line(events, figures)


def test_targets_are_met_or_missed() -> None:
    fast = {"trioflow": 6.0, "Mastra": 2.0}
    lines = server.verdicts({"events-100": fast, "late-1": {"trioflow": 0.003}})

    assert lines == [
        "events-100: 3.0 x Mastra, wanted >= 3: met",
        "late-1: 3.00 ms, wanted <= 2.00 ms: MISSED",
        "memory: not measured",
    ]


def test_a_server_that_is_not_there_is_left_out_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(UnavailableError, match=r"Node\.js and npm are not installed"):
        servers.mastra(tmp_path)

    silent = servers.running([sys.executable, "-c", "raise SystemExit('no')"])
    with pytest.raises(UnavailableError, match="did not start: no"), silent:
        pass


def test_a_server_ends_with_its_block() -> None:
    program = "print('http://127.0.0.1:1', flush=True); import time; time.sleep(60)"
    with servers.running([sys.executable, "-c", program]) as running:
        pass

    with pytest.raises(ProcessLookupError):
        os.kill(running.pid, signal.SIGTERM)


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 200 OK\r\n\r\n2\r\nok\r\n3\r\nyes\r\n0\r\n\r\n", b"okyes"),
    ],
)
def test_answers_are_read_whole(answer: bytes, body: bytes) -> None:
    assert [is_complete(answer[:end]) for end in (10, len(answer) - 1, len(answer))] == [
        False,
        False,
        True,
    ]
    assert body_of(answer) == body


def test_an_answer_that_reports_an_error_voids_the_measurement() -> None:
    with pytest.raises(RuntimeError, match="404"):
        body_of(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
