"""The commands that draw: a workflow as SVG, a run as a page."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli_support import STORE, install_plugin, project
from trioflow._cli import main


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Work beside a module of workflows, with a plugin and a store that lasts for the test."""
    install_plugin(tmp_path)
    install_plugin(tmp_path, STORE, "shelf")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("TRIOFLOW_STORE", "shelf:")
    with project(tmp_path):
        yield


def test_a_workflow_is_drawn_with_the_plugins_of_its_steps(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert main(["graph", "demo.twice", "--svg", "twice.svg"]) == 0

    drawing = Path("twice.svg").read_text("utf-8")
    ET.fromstring(drawing)
    assert "step demo.double\nint -&gt; int\nDouble a number.\nfrom plugin demo" in drawing
    assert capfd.readouterr() == ("", "")


def test_a_workflow_of_a_module_is_drawn_as_well() -> None:
    assert main(["graph", "demo_flows:hello", "--svg", "hello.svg"]) == 0

    assert ">greet</text>" in Path("hello.svg").read_text("utf-8")


def test_a_drawing_that_cannot_be_written_is_a_usage_error(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert main(["graph", "demo.twice", "--svg", "nowhere/twice.svg"]) == 2

    assert "nowhere/twice.svg cannot be written: No such file" in capfd.readouterr().err


def test_a_run_in_a_store_is_drawn_on_a_time_axis(capfd: pytest.CaptureFixture[str]) -> None:
    main(["run", "demo_flows:rejecting", "--input", "1"])
    main(["runs", "--json"])
    run_id = json.loads(capfd.readouterr().out.splitlines()[-1])["runId"]

    assert main(["timeline", run_id, "--html", "run.html"]) == 0

    page = Path("run.html").read_text("utf-8")
    found = re.search(r'type="application/json">(.*?)</script>', page)
    assert found is not None
    rows = json.loads(found[1])["rows"]
    assert [(row["label"], row["status"]) for row in rows] == [
        *(("rejecting", "failed"), ("adds", "success"), ("rejects", "failed")),
    ]


def test_a_timeline_needs_a_run_that_is_there(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["timeline", "nobody", "--html", "run.html"]) == 2

    assert "there is no run 'nobody' in the store" in capfd.readouterr().err
    assert not Path("run.html").exists()
