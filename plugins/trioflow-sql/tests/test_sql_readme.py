"""The programs of the README run as they stand there, and print what it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
BLOCKS: list[tuple[str, str]] = re.findall(
    r"^```(\w+)\n(.*?)^```$", README.read_text("utf-8"), re.MULTILINE | re.DOTALL
)


def test_the_programs_run_one_after_the_other(tmp_path: Path) -> None:
    programs = [text for language, text in BLOCKS if language == "python"]
    [shown] = [text for language, text in BLOCKS if language == "text"]

    printed = [
        subprocess.run(
            [sys.executable, "-W", "error", "-c", program],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for program in programs
    ]

    assert printed == [shown, "0 runs that finished a month ago were deleted\n"]
