"""mypy judges the files beside this one; pyright does so in the CI script."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def run_mypy(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mypy", "--strict", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_mypy_accepts_what_fits_and_rejects_what_does_not() -> None:
    done = run_mypy(str(HERE))

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "file", ["blocks", "chains", "context", "exhaustive", "runs", "steps", "tools"]
)
def test_each_file_holds_something_that_is_rejected(file: str) -> None:
    marks = [line for line in (HERE / f"{file}.py").read_text().splitlines() if "ignore[" in line]

    assert marks
    for line in marks:
        assert "# type: ignore[" in line, "not rejected by mypy"
        assert "# pyright: ignore[" in line, "not rejected by pyright"
