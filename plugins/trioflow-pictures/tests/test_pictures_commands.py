"""The commands that draw: on trioflow's command line, and in an app of somebody else."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import trio
import trioflow_pictures
from cyclopts import App

from trioflow import Workflow, open_engine
from trioflow.errors import TrioflowError

from .steps import fails, gives

PLUGIN = '''
"""A plugin with a step, a workflow, and a store that lasts as long as this module."""

from trioflow import Workflow, hookimpl, step
from trioflow.stores import MemoryStore

SHELF = MemoryStore()


@step(id="demo.double")
async def double(value: int) -> int:
    """Double a number."""
    return 2 * value


own = Workflow("own", input=int).then(double.clone("own.double"))


@hookimpl
def trioflow_steps():
    return [double]


@hookimpl
def trioflow_workflows():
    return [Workflow("demo.twice", input=int, output=int).then("demo.double")]


@hookimpl
def trioflow_store(url):
    return SHELF if url == "shelf:" else None
'''


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder in which another plugin is installed."""
    (tmp_path / "demo_plugin.py").write_text(PLUGIN)
    info = tmp_path / "trioflow_demo-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: trioflow-demo\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[trioflow]\ndemo = demo_plugin\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "demo_plugin", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.delenv("TRIOFLOW_STORE", raising=False)
    return tmp_path


def trioflow(*tokens: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Call the command line in a process of its own."""
    command = [sys.executable, "-W", "error", "-m", "trioflow", *tokens]
    return subprocess.run(
        command, env=os.environ | variables, capture_output=True, text=True, check=False, timeout=60
    )


def app_of_engine() -> App:
    """Return a command line of its own to which an engine has added the plugin's commands."""

    async def add() -> App:
        async with open_engine(plugins=[trioflow_pictures]) as engine:
            app = App(backend="trio", result_action="return_value")
            engine.add_commands(app)
            return app

    return trio.run(add)


# ---------------------------------------------------------------- graphs
def test_a_workflow_is_drawn_with_the_plugins_of_its_steps() -> None:
    done = trioflow("graph", "demo.twice", "--svg", "twice.svg")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    drawing = Path("twice.svg").read_text("utf-8")
    ET.fromstring(drawing)
    assert "step demo.double\nint -&gt; int\nDouble a number.\nfrom plugin demo" in drawing


def test_a_workflow_of_a_module_is_drawn_as_well() -> None:
    assert app_of_engine()(["draw", "demo_plugin:own", "own.svg"]) is None

    drawing = Path("own.svg").read_text("utf-8")
    assert ">own.double</text>" in drawing
    assert "from plugin" not in drawing


def test_a_drawing_that_cannot_be_written_is_a_usage_error() -> None:
    done = trioflow("graph", "demo.twice", "--svg", "nowhere/twice.svg")

    message = "trioflow: nowhere/twice.svg cannot be written: No such file or directory\n"
    assert (done.returncode, done.stderr) == (2, message)


def test_a_file_may_be_called_like_an_option() -> None:
    assert trioflow("graph", "demo.twice", "--svg=--help").returncode == 0

    assert Path("--help").read_text("utf-8").startswith("<svg")


def test_a_workflow_that_is_not_there_is_named() -> None:
    with pytest.raises(TrioflowError, match=r"'demo\.once'; did you mean 'demo\.twice'"):
        app_of_engine()(["draw", "demo.once", "once.svg"])


# ---------------------------------------------------------------- timelines
async def record_a_failure(run_id: str) -> None:
    """Record a run in the store of the other plugin."""
    rejects = fails(ValueError("no"), id="rejects")
    workflow = Workflow("failing").then(gives(1, "adds")).then(rejects)
    async with open_engine(plugins=["demo"], workflows=[workflow], store="shelf:") as engine:
        await engine.submit(workflow, None, run_id=run_id).wait()


@pytest.mark.parametrize("is_in_environment", [True, False])
def test_a_run_in_a_store_is_drawn_on_a_time_axis(
    monkeypatch: pytest.MonkeyPatch, is_in_environment: bool
) -> None:
    trio.run(record_a_failure, "r")
    options = () if is_in_environment else ("--store", "shelf:")
    if is_in_environment:
        monkeypatch.setenv("TRIOFLOW_STORE", "shelf:")

    assert app_of_engine()(["timeline", "r", "--html", "run.html", *options]) is None

    page = Path("run.html").read_text("utf-8")
    found = re.search(r'type="application/json">(.*?)</script>', page)
    assert found is not None
    rows = json.loads(found[1])["rows"]
    assert [(row["label"], row["status"]) for row in rows] == [
        *(("failing", "failed"), ("adds", "success"), ("rejects", "failed")),
    ]


def test_a_timeline_needs_a_run_that_is_there() -> None:
    done = trioflow("timeline", "nobody", "--html", "run.html", "--store", "shelf:")

    assert done.returncode == 2
    assert "there is no run 'nobody' in the store" in done.stderr
    assert not Path("run.html").exists()


def test_a_timeline_needs_a_store() -> None:
    with pytest.raises(TrioflowError, match=r"no store given"):
        app_of_engine()(["timeline", "r", "--html", "run.html"])


# ---------------------------------------------------------------- the command line around them
def test_the_help_names_the_timeline_and_hides_what_is_an_option_of_graph() -> None:
    done = trioflow("--help")

    assert done.returncode == 0
    assert re.search(r"timeline +Draw the calls of a run on a time axis", done.stdout)
    assert "Draw a workflow" not in done.stdout


def test_neither_the_help_nor_an_engine_loads_what_draws() -> None:
    program = """
import sys, trio, trioflow

async def main():
    async with trioflow.open_engine(plugins=["pictures"]) as engine:
        engine.add_commands(App())

from cyclopts import App
trio.run(main)
print(sorted(name for name in sys.modules if name.startswith("trioflow_pictures")))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert done.stdout == "['trioflow_pictures', 'trioflow_pictures.commands']\n"


def test_the_package_knows_no_other_names() -> None:
    assert callable(trioflow_pictures.to_svg)
    with pytest.raises(AttributeError, match="'trioflow_pictures' has no attribute 'nothing'"):
        trioflow_pictures.nothing  # noqa: B018
