"""What people meet on the command line in their first week, and what helps them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli_support import Cli, command_line, install_plugin, project

FLOWS = """
import trio
from attrs import frozen

from trioflow import Retry, Workflow, step


@frozen
class Source:
    url: str = "here"


@step
async def look(source: Source) -> str:
    return source.url


@step(retry=Retry(attempts=2))
async def enrich(row: int) -> int:
    if row == 2:
        raise ValueError("row is broken")
    return row


@step
async def arm(value: object) -> str:
    return "done"


looking = Workflow("looking", input=Source, output=str).then(look)
row = Workflow("row", input=int).then(enrich)
rows = Workflow("rows", input=list[int]).foreach(row, concurrency=8)
ARMS = ["zebra", "yak", "xerus", "wolf", "vole", "urial", "toad", "seal"]
zoo = Workflow("zoo").parallel(*(arm.clone(name) for name in ARMS))
cages = Workflow("cages").then(zoo)
"""
RUNNING = "import trio\n\nasync def main(): ...\n\ntrio.run(main)\n"
STREAMING = """
from collections.abc import AsyncIterator

from trioflow import hookimpl, tool

@tool(id="zoo.roar")
async def roar(times: int) -> AsyncIterator[str]:
    for _ in range(times):
        yield "Roar"

@hookimpl
def trioflow_tools():
    return [roar]
"""


@pytest.fixture
def cli(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cli]:
    (tmp_path / "flows.py").write_text(FLOWS)
    (tmp_path / "running.py").write_text(RUNNING)
    monkeypatch.syspath_prepend(tmp_path)
    with project(tmp_path):
        yield command_line(capfd)


def test_a_module_that_runs_itself_is_told_what_to_do(cli: Cli) -> None:
    done = cli("run", "running:main")

    assert done.code == 2
    assert (
        "cannot be imported: RuntimeError: Attempted to call run() from inside a run()" in done.err
    )
    assert done.err.endswith(
        'it calls trio.run() when it is imported; put that under: if __name__ == "__main__":\n'
    )


def test_an_unknown_workflow_may_be_one_of_your_own(cli: Cli) -> None:
    assert "or MODULE:ATTR of your own" in cli("run", "wf").err


def test_an_input_of_defaults_only_is_suggested(cli: Cli) -> None:
    done = cli("run", "flows:looking")

    assert done.code == 2
    assert done.err.endswith("pass it with --input JSON; --input '{}' is enough\n")
    assert cli("run", "flows:looking", "--input", "{}").code == 0
    assert cli("run", "flows:row").err.endswith("pass it with --input JSON\n")


def test_lines_and_errors_name_the_item(cli: Cli) -> None:
    done = cli("run", "flows:rows", "--input", "[0, 1, 2]")

    assert done.code == 1
    assert "step-retry    row.enrich[2] attempt 1 failed" in done.out
    assert "step-start    row.enrich[2]" in done.out
    assert "step 'row.enrich[2]' failed" in done.err


def test_a_stored_tree_has_the_arms_in_the_order_of_the_workflow(cli: Cli) -> None:
    store = ("--store", "sqlite:runs.db")
    cli("run", "flows:cages", *store)
    run_id = json.loads(cli("runs", *store, "--json").out)["runId"]

    shown = cli("show", run_id, *store).out

    arms = [line.split()[1] for line in shown.splitlines() if line.startswith("   ")]
    assert arms == ["zebra", "yak", "xerus", "wolf", "vole", "urial", "toad", "seal"], shown


def test_a_streaming_tool_is_listed_with_its_pieces(cli: Cli, tmp_path: Path) -> None:
    install_plugin(tmp_path, STREAMING, "zoo")

    [line] = [line for line in cli("tools").out.splitlines() if line.startswith("zoo.roar")]

    assert "times: int  str, piece by piece  trioflow-zoo 1.2" in re.sub(" {3,}", "  ", line)


def test_recovering_says_what_each_run_does(cli: Cli) -> None:
    store = ("--store", "sqlite:runs.db")
    stopped = cli("run", "demo_flows:once", "--input", "1", *store)
    run_id = json.loads(cli("runs", *store, "--json").out)["runId"]

    done = cli("recover", "--workflow", "demo_flows:once", *store)

    assert stopped.code == 130
    assert done.code == 0, done.err
    assert f"trioflow: {run_id}  interrupts_once success\n" in done.err
    assert done.out == f"{run_id}  once  success\n"
