"""Hooks that the module of a workflow defines itself are used by the commands that name it."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli_support import Cli, install_plugin, newest, shelf_project

OWN = '''
"""A workflow with what it needs: a resource, a limit, a value of its own and a store."""

from contextlib import asynccontextmanager

from trioflow import Limit, StepContext, Workflow, hookimpl, step
from trioflow.abc import Instrument


class Money:
    def __init__(self, cents):
        self.cents = cents


@asynccontextmanager
async def open_client():
    print("opened", file=sys.stderr)
    yield "client"
    print("closed", file=sys.stderr)


class Counting(Instrument):
    def on_event(self, event):
        EVENTS.append(event.type)


@step(limit="station")
async def look(value: str, ctx: StepContext) -> Money:
    client = await ctx.resource("http", str)
    return Money(len(client + value))


@step
async def ask(money: Money, ctx: StepContext) -> int:
    return money.cents if await ctx.ask("sure?", bool) else 0


@hookimpl
def trioflow_resources():
    return {"http": open_client}


@hookimpl
def trioflow_limits():
    return [Limit("station", 2)]


@hookimpl
def trioflow_steps():
    return [look]


@hookimpl
def trioflow_instruments():
    return [Counting()]


@hookimpl
def trioflow_converter(converter):
    converter.register_unstructure_hook(Money, lambda money: money.cents)
    converter.register_structure_hook(Money, lambda cents, _: Money(cents))


EVENTS = []
flow = Workflow("own", input=str, output=Money).then("look")
asking = Workflow("asking", input=str, output=int).then("look").then(ask)
'''
SOURCE = "import sys\n" + OWN


@pytest.fixture
def cli(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cli]:
    (tmp_path / "own.py").write_text(SOURCE)
    with shelf_project(tmp_path, capfd, monkeypatch) as run:
        yield run


def test_a_run_uses_the_hooks_of_its_own_module(cli: Cli) -> None:
    done = cli("run", "own:flow", "--input", '"Oslo"')

    assert (done.code, done.out.splitlines()[-1]) == (0, "10")
    assert "opened\n" in done.err
    assert "closed\n" in done.err
    assert sys.modules["own"].EVENTS[-1] == "finish"


def test_commands_that_continue_a_run_use_them_too(cli: Cli) -> None:
    assert cli("run", "own:asking", "--input", '"Oslo"').code == 3
    id = newest(cli)["runId"]

    done = cli("resume", id, "--data", "true", "--workflow", "own:asking")
    assert (done.code, done.out.splitlines()[-1]) == (0, "10")

    forked = cli("fork", id, "look", "--workflow", "own:asking")
    assert forked.code == 3
    assert "opened\n" in forked.err


def test_a_limit_on_the_command_line_comes_first(cli: Cli) -> None:
    assert cli("run", "own:flow", "--input", '"Oslo"', "--limit", "station=1").code == 0


def test_graph_finds_the_steps_of_the_module(cli: Cli) -> None:
    done = cli("graph", "own:flow")

    assert (done.code, done.err) == (0, "")
    assert "look" in done.out


def test_other_commands_and_workflows_do_not_have_them(cli: Cli) -> None:
    cli("run", "own:flow", "--input", '"Oslo"')

    assert "look" not in cli("steps").out
    done = cli("run", "demo_flows:hello", "--input", '{"name": "Oslo"}')
    assert (done.code, "opened" in done.err) == (0, False)


def test_a_workflow_that_the_module_also_provides_is_found_once(cli: Cli, tmp_path: Path) -> None:
    provides = "\n\n@hookimpl\ndef trioflow_workflows():\n    return [flow, asking]\n"
    (tmp_path / "own.py").write_text(SOURCE + provides)

    done = cli("run", "own:asking", "--input", '"Oslo"', "--run-id", "r")
    assert done.code == 3
    done = cli("resume", "r", "--data", "true", "--workflow", "own:asking")

    assert (done.code, done.out.splitlines()[-1]) == (0, "10")


def test_a_module_that_is_installed_as_a_plugin_is_loaded_once(cli: Cli, tmp_path: Path) -> None:
    install_plugin(tmp_path, SOURCE, "own")

    done = cli("run", "own_plugin:flow", "--input", '"Oslo"')

    assert (done.code, done.out.splitlines()[-1]) == (0, "10")


def test_a_mistake_in_a_hook_is_reported_with_the_module(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(SOURCE.replace("def trioflow_limits", "def trioflow_limit"))

    done = cli("run", "own:flow", "--input", '"Oslo"')

    assert (done.code, done.out) == (2, "")
    assert "plugin 'own'" in done.err
    assert "did you mean 'trioflow_limits'?" in done.err


@pytest.mark.slow  # a new interpreter
def test_it_works_in_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(SOURCE)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "trioflow", "run", "own:flow", "--input", '"Oslo"']
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    environment.pop("TRIOFLOW_STORE", None)
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=tmp_path, env=environment
    )
    os.close(theirs)
    seen = b""
    try:
        while piece := os.read(ours, 65536):
            seen += piece
    except OSError:  # how Linux says that the terminal was closed
        pass
    finally:
        os.close(ours)

    assert process.wait(60) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode())
    assert [line for line in text.split() if line in ("opened", "10", "closed")] == [
        "opened",
        "10",
        "closed",
    ]
