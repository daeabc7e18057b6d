"""The command line of queues: submit, worker, and the list of workers."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli_support import Cli, shelf_project


@pytest.fixture
def cli(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cli]:
    with shelf_project(tmp_path, capfd, monkeypatch) as run:
        yield run


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_submitted_run_waits_for_a_worker(cli: Cli) -> None:
    done = cli("submit", "demo_flows:hello", "--input", '{"name": "Oslo"}', "--tag", "t")
    run_id = done.out.strip()
    assert done.err == ""
    [shown] = lines(cli("runs", "--json").out)

    assert done.code == 0
    assert (shown["runId"], shown["status"], shown["tags"]) == (run_id, "pending", ["t"])
    assert (shown["queue"], shown["priority"]) == ("default", 0)
    assert "waits for a worker of queue default" in cli("show", run_id).out


def test_an_id_is_submitted_once(cli: Cli) -> None:
    options = ("--input", '{"name": "Oslo"}', "--run-id", "r")
    assert cli("submit", "demo_flows:hello", *options).out == "r\n"

    again = cli("submit", "demo_flows:hello", *options)
    run = cli("run", "demo_flows:hello", *options)

    assert again.code == 2
    assert "already exists" in again.err
    assert "to see it: trioflow show r" in again.err
    assert "waiting for a worker of queue default" in run.err
    assert cli("recover", "--workflow", "demo_flows:hello").code == 0


@pytest.mark.parametrize(
    ("tokens", "problem"),
    [
        (("submit", "nothing"), "unknown workflow 'nothing'"),
        (("submit", "nothing", "1"), "unexpected argument '1'\ntry: trioflow submit --help"),
        (("submit",), "try: trioflow submit --help"),
        (("runs", "--worker"), "try: trioflow runs --help"),
        (("runs", "--workers", "--status", "failed"), "no option selects among them"),
        (("schedules", "explian", "* * * * *"), "did you mean 'explain'?"),
        (("schedules", "x"), "unknown command 'x'; show, ticks, pause, resume"),
        (("nothing",), "try: trioflow --help"),
        (("submit", "demo_flows:hello", "--input", "1"), "input of"),
        (("submit", "demo_flows:hello", "--queue", ""), "queue"),
        (("submit", "demo_flows:hello", "--priority", "3000000000"), "--priority must be from"),
        (("submit", "demo_flows:hello", "--timeout", "0"), "--timeout must be greater than 0"),
        (("run", "demo_flows:hello", "--timeout", "0"), "--timeout must be greater than 0"),
        (("run", "demo_flows:hello", "--timeout", f"1{400 * '0'}"), "is not a duration"),
        (("worker", "demo_flows:hello", "--poll", "0m"), "--poll must be greater than 0"),
        (("worker", "demo_flows:hello", "--drain", f"1{400 * '0'}d"), "is not a duration"),
        (("worker", "demo_flows:nothing"), "has no 'nothing'"),
        (("worker", "nothing"), "unknown workflow 'nothing'"),
        (("worker", "demo_flows:hello", "--capacity", "0"), "greater than 0"),
        (("worker", "demo_flows:hello", "--poll", "often"), "--poll"),
    ],
)
def test_wrong_commands_are_refused(cli: Cli, tokens: tuple[str, ...], problem: str) -> None:
    done = cli(*tokens)

    assert done.code == 2
    assert problem in done.err


def test_waiting_runs_are_listed_by_queue(cli: Cli) -> None:
    for queue in ("b", "a", "b"):
        cli("submit", "demo_flows:hello", "--input", '{"name": "x"}', "--queue", queue)

    found = lines(cli("runs", "--workers", "--json").out)
    table = cli("runs", "--workers").out.split("\n\n")

    assert [(each["queue"], each["waiting"]) for each in found] == [("a", 1), ("b", 2)]
    assert table[0].split() == ["OWNER", "TAKEN", "LOST", "OLDEST", "CLAIM", "HELD", "FOR"]
    assert [line.split()[:2] for line in table[1].splitlines()[1:]] == [["a", "1"], ["b", "2"]]


def test_owners_are_listed_with_their_oldest_claim(cli: Cli, tmp_path: Path) -> None:
    for _ in range(2):
        cli("submit", "demo_flows:hello", "--input", '{"name": "x"}')
    for run in importlib.import_module("shelf_plugin").SHELF._shelf.journals.values():
        run.take("host:1", run.header.created_at, 0.0)

    [owner] = lines(cli("runs", "--workers", "--json").out)
    table = cli("runs", "--workers").out.split("\n\n")[0]

    assert (owner["owner"], owner["runs"], owner["heldFor"]) == ("host:1", 2, 0.0)
    assert owner["lost"] == 2
    assert table.splitlines()[1].split()[:3] == ["host:1", "2", "2"]


def test_a_worker_drives_runs_until_a_signal(cli: Cli) -> None:
    for value in range(3):
        cli("submit", "demo_flows:once", "--input", str(value), "--run-id", str(value))

    # The first run that is driven interrupts the process, as Ctrl-C does.
    done = cli("worker", "demo_flows:once", "--poll", "1s", "--drain", "0")

    assert done.code == 130
    assert "takes runs of" in done.err
    assert "interrupted: taking no more runs" in done.err
    runs = lines(cli("runs", "--json").out)
    assert {run["owner"] for run in runs} == {None}
    assert "running" in {run["status"] for run in runs}


def test_a_worker_that_is_terminated_ends_well(cli: Cli) -> None:
    cli("submit", "demo_flows:terminated")

    done = cli("worker", "demo_flows:terminated", "--drain", "0", "--no-chunks")

    assert done.code == 0
    assert "left to other workers" in done.err


def test_a_step_may_end_after_a_signal_in_a_run_that_another_has_started(cli: Cli) -> None:
    cli("submit", "demo_flows:starting", "--input", "1", "--run-id", "r")

    done = cli("worker", "demo_flows:starting", "demo_flows:outlasting")

    [child, parent] = lines(cli("runs", "--json").out)
    assert done.code == 0
    assert (child["workflowId"], child["status"]) == ("outlasting", "running")
    assert parent["status"] == "success"
    assert "outlasts_a_signal  success" in cli("show", str(child["runId"])).out


def test_a_store_is_needed(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIOFLOW_STORE")
    for tokens in (
        ("submit", "demo_flows:hello"),
        ("worker", "demo_flows:hello"),
        ("runs", "--workers"),
    ):
        done = cli(*tokens)
        assert (done.code, "no store given" in done.err) == (2, True)
