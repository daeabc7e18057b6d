"""The command line beside plugins that are broken: what it lists, and what runs all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli_support import Cli, command_line, install_plugin, project
from trioflow import events
from trioflow._cli.filters import RunStatus

UNIMPORTABLE = "import no_such_module"
BROKEN_WORKFLOW = """
from trioflow import Workflow, hookimpl, step

@step(id="bad.fine")
async def fine(value: int) -> int:
    return value

@hookimpl
def trioflow_steps():
    return [fine]

@hookimpl
def trioflow_workflows():
    return [Workflow("bad.flow", input=int).then("demo.doubel"), Workflow("bad.ok").then(fine)]
"""
Install = Callable[..., None]


@pytest.fixture
def cli(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Cli]:
    monkeypatch.syspath_prepend(tmp_path)
    with project(tmp_path):
        yield command_line(capfd)


@pytest.fixture
def install(cli: Cli, tmp_path: Path) -> Install:
    def install(source: str | None = None, name: str = "demo") -> None:
        install_plugin(tmp_path, *([] if source is None else [source, name]))

    return install


# ---------------------------------------------------------------- listing
def test_plugins_lists_all_with_the_error_of_each_broken_one(cli: Cli, install: Install) -> None:
    install()
    install(UNIMPORTABLE, "ants")
    install(BROKEN_WORKFLOW, "bad")

    done = cli("plugins")

    lines = {line.split()[0]: line for line in done.out.splitlines()}
    assert done.code == 1
    assert [name for name in lines if name in ("ants", "bad", "builtin")] == [
        "ants",
        "bad",
        "builtin",
    ]
    assert "trioflow-ants" in lines["ants"]
    assert "BROKEN: ants_plugin cannot be imported: ModuleNotFoundError" in lines["ants"]
    assert "TRIOFLOW_DISABLE=ants" in lines["ants"]
    assert (
        "BROKEN: workflow 'bad.flow' of plugin 'bad' uses unknown step 'demo.doubel'; "
        "did you mean 'demo.double'?; bad.flow, bad.ok, bad.fine" in lines["bad"]
    )
    assert "BROKEN" not in lines["demo"]
    assert "demo.twice, demo.double" in lines["demo"]


def test_plugins_exits_with_0_if_none_is_broken(cli: Cli, install: Install) -> None:
    install()

    assert cli("plugins").code == 0


@pytest.mark.parametrize("command", ["steps", "tools", "workflows"])
def test_listings_hold_what_is_sound_and_report_what_is_broken(
    cli: Cli, install: Install, command: str
) -> None:
    install()
    install(UNIMPORTABLE, "ants")

    done = cli(command)

    assert done.code == 0
    assert "demo." in done.out
    assert "plugin 'ants' (trioflow-ants 1.2)" in done.err


# ---------------------------------------------------------------- running
def test_a_broken_workflow_of_one_plugin_does_not_stop_those_of_others(
    cli: Cli, install: Install, caplog: pytest.LogCaptureFixture
) -> None:
    install()
    install(BROKEN_WORKFLOW, "bad")

    done = cli("run", "demo.twice", "--input", "4")

    assert (done.code, done.out.splitlines()[-1]) == (0, "8")
    [warning] = caplog.messages
    assert warning.startswith("workflow 'bad.flow' of plugin 'bad' uses unknown step")


def test_a_broken_workflow_is_refused_with_its_plugin_and_what_to_do(
    cli: Cli, install: Install
) -> None:
    install()
    install(BROKEN_WORKFLOW, "bad")

    done = cli("run", "bad.flow", "--input", "4")

    assert done.code == 2
    assert done.err.splitlines()[-1] == (
        "trioflow: workflow 'bad.flow' of plugin 'bad' uses unknown step 'demo.doubel'; "
        "did you mean 'demo.double'?"
    )


def test_a_graph_needs_no_plugin_that_is_broken(cli: Cli, install: Install) -> None:
    install(UNIMPORTABLE, "ants")

    assert cli("graph", "demo_flows:hello").code == 0
    unknown = cli("graph", "ants.flow")
    assert unknown.code == 2
    assert "plugin 'ants'" in unknown.err  # the one that may provide it


# ---------------------------------------------------------------- stores
def test_a_store_is_read_and_asked_whatever_is_wrong_with_other_plugins(
    cli: Cli, install: Install
) -> None:
    cli("run", "demo_flows:asking", "--input", "1", "--store", "sqlite:runs.db", "--json")
    install(UNIMPORTABLE, "ants")

    listed = cli("runs", "--store", "sqlite:runs.db")
    run_id = listed.out.splitlines()[1].split()[0]

    assert (listed.code, listed.err) == (0, "")
    assert cli("show", run_id, "--store", "sqlite:runs.db").code == 0
    assert cli("cancel", run_id, "--store", "sqlite:runs.db").code == 0


def test_an_unknown_store_lists_those_of_installed_plugins(cli: Cli) -> None:
    done = cli("runs", "--store", "sqlte:runs.db")

    assert done.code == 2
    assert "unknown store 'sqlte'; did you mean 'sqlite'?" in done.err
    listed = cli("runs", "--store", "foo:bar").err
    assert "unknown store 'foo'; known: memory, sqlite, postgresql" in listed


def test_a_store_whose_plugin_is_broken_says_why(cli: Cli, install: Install) -> None:
    install(UNIMPORTABLE, "ants")

    done = cli("runs", "--store", "ants:hill")

    assert done.code == 2
    assert "plugin 'ants' (trioflow-ants 1.2): ants_plugin cannot be imported" in done.err


# ---------------------------------------------------------------- starting
def test_the_version_is_printed_without_the_libraries_of_a_command_line() -> None:
    program = """
import sys
from trioflow._cli import main
assert main(["--version"]) == 0
heavy = {"cyclopts", "rich", "trio", "attrs", "pluggy", "importlib.metadata"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "0.1.0\n", "")


def test_the_version_for_a_reader_that_has_gone() -> None:
    reading, writing = os.pipe()
    os.close(reading)

    done = subprocess.run(
        [sys.executable, "-m", "trioflow", "--version"],
        stdout=writing,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writing)

    assert (done.returncode, done.stderr) == (141, b"")


def test_the_help_is_there_without_what_only_runs_need() -> None:
    program = """
import sys
from trioflow._cli import main
assert main(["--help"]) == 0
heavy = {"trio", "cattrs", "trioflow.events", "trioflow.steps", "sqlalchemy"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_ctrl_c_while_a_command_is_imported_is_no_traceback(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupting:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "trioflow._cli.entry":
                raise KeyboardInterrupt

    monkeypatch.delitem(sys.modules, "trioflow._cli.entry", raising=False)
    monkeypatch.setattr(sys, "meta_path", [Interrupting(), *sys.meta_path])

    done = cli("run", "demo_flows:hello")

    assert (done.code, done.err) == (130, "trioflow: interrupted\n")


def test_statuses_are_those_of_runs() -> None:
    assert RunStatus == events.RunStatus
