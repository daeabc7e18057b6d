"""The program of the README runs as it stands there, and prints what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
BLOCKS: list[tuple[str, str]] = re.findall(
    r"^```(\w+)\n(.*?)^```$", README.read_text("utf-8"), re.MULTILINE | re.DOTALL
)


def test_the_program_prints_what_is_shown() -> None:
    program = next(text for language, text in BLOCKS if language == "python")
    shown = next(text for language, text in BLOCKS if language == "text")

    command = [sys.executable, "-W", "error", "-c", program]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert printed == shown
