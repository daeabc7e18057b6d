"""The programs of the README run as they stand there, and print what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"
BLOCKS: list[tuple[str, str]] = re.findall(
    r"^```(\w+)\n(.*?)^```$", README.read_text("utf-8"), re.MULTILINE | re.DOTALL
)


def test_the_program_runs_on_a_cluster_of_its_own(tmp_path: Path) -> None:
    programs = [text for language, text in BLOCKS if language == "python"]
    [shown] = [text for language, text in BLOCKS if language == "text"]
    for program in programs:
        name = program.partition("\n")[0].removeprefix("# ")
        (tmp_path / name).write_text(program)
    command = [sys.executable, "program.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert done.stdout == shown
