"""The programs of the README run as they stand there, and print what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
BLOCKS: list[tuple[str, str]] = re.findall(
    r"^```(\w+)\n(.*?)^```$", README.read_text("utf-8"), re.MULTILINE | re.DOTALL
)


@pytest.mark.slow
def test_the_program_prints_what_is_shown() -> None:
    program = next(text for language, text in BLOCKS if language == "python")
    shown = next(text for language, text in BLOCKS if language == "text")

    command = [sys.executable, "-W", "error", "-c", program]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert printed == shown
