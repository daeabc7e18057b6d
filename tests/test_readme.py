"""What the README says is tried: its programs run, and its commands are commands."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from importlib.metadata import distributions
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TEXT = README.read_text("utf-8")
BLOCKS: list[tuple[str, str]] = BLOCK.findall(TEXT)


def blocks_in(language: str) -> list[str]:
    return [text for found, text in BLOCKS if found == language]


def run_python(program: str, folder: Path) -> str:
    """Run a program in a new interpreter, with warnings as errors, and return what it prints."""
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def can_run(program: str) -> bool:
    """Whether the plugins that it imports are installed; without them, nothing can be tried."""
    plugins = re.findall(r"^from (trioflow_\w+) import", program, re.MULTILINE)
    # Not whether they can be found: other tests import some of them from their folders.
    installed = {found.name for found in distributions()}
    return all(plugin.replace("_", "-") in installed for plugin in plugins)


@pytest.mark.parametrize("program", blocks_in("python"))
def test_programs_run(program: str, tmp_path: Path) -> None:
    if not can_run(program):
        pytest.skip("a plugin that it imports is not installed")
    run_python(program, tmp_path)


def test_the_first_workflow_prints_what_is_shown(tmp_path: Path) -> None:
    [shown] = blocks_in("text")

    assert run_python(blocks_in("python")[0], tmp_path) == shown


def test_the_first_plugin_can_be_loaded(tmp_path: Path) -> None:
    [entry_points] = map(tomllib.loads, blocks_in("toml"))
    [module] = entry_points["project"]["entry-points"]["trioflow"].values()
    (tmp_path / f"{module}.py").write_text(blocks_in("python")[1])
    program = f"""
import trio, {module}, trioflow

async def main():
    async with trioflow.open_engine(plugins=[{module}]) as engine:
        result = await engine.create_run("hello").start("Ada")
        print(result.unwrap())

trio.run(main)
"""

    assert run_python(program, tmp_path) == "Hello, Ada!\n"


def test_there_are_two_commands_of_one_line_each() -> None:
    run, test = blocks_in("sh")

    assert "files.report" in run
    assert "pytest" in test
    for command in (run, test):
        assert command.count("\n") == 1
        assert not command.rstrip().endswith("\\")


@pytest.mark.parametrize("command", blocks_in("sh"))
def test_commands_are_well_formed(command: str) -> None:
    subprocess.run(["bash", "-n", "-c", command], check=True)


def test_the_first_workflow_runs_from_the_shell_as_it_says(tmp_path: Path) -> None:
    [sentence] = re.findall(r"Saved as `(\w+\.py)`.*?:\s+`(trioflow run [^`]+)`", TEXT, re.DOTALL)
    file, command = sentence
    (tmp_path / file).write_text(blocks_in("python")[0])

    done = subprocess.run(
        [sys.executable, "-m", *shlex.split(command)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == '"Take a jacket."'


def test_programs_can_be_imported_without_being_run() -> None:
    for program in blocks_in("python"):
        if "trio.run(" in program:
            assert program.endswith('if __name__ == "__main__":\n    trio.run(main)\n')


@pytest.mark.slow
def test_programs_are_typed(tmp_path: Path) -> None:
    for number, program in enumerate(filter(can_run, blocks_in("python"))):
        (tmp_path / f"program_{number}.py").write_text(program)
    command = [sys.executable, "-m", "mypy", "--strict", "--no-incremental", str(tmp_path)]

    done = subprocess.run(command, cwd=README.parent, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_links_lead_to_files() -> None:
    links = re.findall(r"\]\(([^)#]+)\)|<img src=\"([^\"]+)\"", TEXT)
    local = [a or b for a, b in links if not (a or b).startswith("https:")]

    assert local
    assert [link for link in local if not (README.parent / link).exists()] == []
