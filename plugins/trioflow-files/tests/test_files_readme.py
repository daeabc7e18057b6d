"""The examples of the README run as they stand there, those of the guide included."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import trio

from trioflow.stores import MemoryStore
from trioflow.testing import check_store

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"```(?:python|toml)\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
FILES = {block.splitlines()[0].removeprefix("# "): block for block in BLOCKS if block[0] == "#"}
TESTS = [block for block in BLOCKS if block.startswith("async def test_")]
SCRIPTS = [block for block in BLOCKS if block not in (*FILES.values(), *TESTS)]


@pytest.mark.parametrize("script", SCRIPTS, ids=["report", "by id"])
def test_a_script_of_the_readme_runs(
    script: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "notes.txt").write_text("TODO: write\n")
    monkeypatch.chdir(tmp_path)

    exec(compile(script, str(README), "exec"), {"__name__": "__main__"})

    assert capsys.readouterr().out.startswith("1 ")


@pytest.fixture
def guide(tmp_path: Path) -> Path:
    """A folder with the files of the guide."""
    for path, content in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content)
    return tmp_path


def test_the_plugin_of_the_guide_passes_its_own_tests(guide: Path) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"]
    done = subprocess.run(
        command,
        cwd=guide,
        env={**os.environ, "PYTHONPATH": str(guide)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed" in done.stdout


def test_the_entry_point_of_the_guide_leads_to_its_hooks(guide: Path) -> None:
    about = tomllib.loads((guide / "pyproject.toml").read_text())
    [module] = about["project"]["entry-points"]["trioflow"].values()

    assert "@hookimpl" in (guide / module / "__init__.py").read_text()
    assert about["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == [module]


def test_the_test_of_a_store_tries_a_store(tmp_path: Path) -> None:
    store = MemoryStore()  # opened again, it has what it had, as a file would
    names: dict[str, Any] = {"check_store": check_store, "Path": Path, "MyStore": lambda _: store}
    [test] = TESTS
    exec(compile(test, str(README), "exec"), names)

    trio.run(names["test_my_store_follows_the_contract"], tmp_path)
