"""Programs of transcripts behave as those of a reader, although they are forked and not started."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from _tools.forked import open_programs
from _tools.transcripts import environment, shell

PROGRAM = """\
import os, sys
from pathlib import Path

print(__name__, Path(__file__).name, sys.argv[1:], Path.cwd() == Path(__file__).parent)
print(os.environ["COLOR"], sys.path[0] == os.getcwd(), sys.stdin.read())
if sys.argv[1:] == ["raise"]:
    raise ValueError("wrong")
if sys.argv[1:] == ["kill"]:
    os.kill(os.getpid(), 9)
sys.exit(len(sys.argv) - 1)
"""
COMMANDS = [
    "python program.py",
    "python program.py a 'b c'",
    "python program.py kill; echo $?",
    "python -u program.py kill; echo $?",
    "echo to read | python program.py",
    "python program.py | tail -n 1",
    "python program.py raise 2>&1 | tail -n 1",
    "python -c 'import sys; print(sys.argv, sys.prefix)' a",
    "trioflow --version",
    "trioflow plugins",
    "trioflow run nothing",
]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("programs")
    with open_programs(folder, environment()):
        yield folder


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_a_forked_program_does_what_a_started_one_does(
    command: str, programs: Path, tmp_path: Path
) -> None:
    (tmp_path / "program.py").write_text(PROGRAM, "utf-8")

    forked = result_of(command, tmp_path, str(programs))
    started = result_of(command, tmp_path, str(Path(sys.executable).parent))

    assert without_ids(forked) == without_ids(started)


def result_of(command: str, folder: Path, path: str) -> tuple[int, str]:
    variables = {**environment(), "COLOR": "red"}
    variables["PATH"] = f"{path}:{variables['PATH']}"
    done = shell(command, folder, variables)
    return done.returncode, done.stdout


def without_ids(result: tuple[int, str]) -> tuple[int, list[str]]:
    """Without the id of the process in what bash says of one that is killed."""
    words = [word for word in result[1].split(" ") if not word.isdigit()]
    return result[0], words
