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


def test_the_programs_run(tmp_path: Path) -> None:
    programs = [text for language, text in BLOCKS if language == "python"]
    [shown] = [text for language, text in BLOCKS if language == "text"]
    printed = []
    for program in programs:
        file = tmp_path / "program.py"
        file.write_text(program)
        command = [sys.executable, "-W", "error", str(file)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stderr == ""
        printed.append(done.stdout)

    assert printed == [shown, ""]


def test_a_script_without_a_guard_is_told_what_it_needs(tmp_path: Path) -> None:
    program = next(text for language, text in BLOCKS if language == "python")
    file = tmp_path / "program.py"
    file.write_text(re.sub(r"^if __name__ .*$", "if True:", program, flags=re.MULTILINE))
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1].lstrip(" |")
    assert (
        "a script needs `if __name__ == '__main__':` around the code that it runs" in done.stderr
    ), last


def test_the_command_line_finds_the_plugin(tmp_path: Path) -> None:
    program = next(text for language, text in BLOCKS if language == "python")
    (tmp_path / "primes.py").write_text(program)
    done = subprocess.run(
        [sys.executable, "-m", "trioflow", "run", "primes:primes", "--input", "[100]"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("[\n  25\n]\n")
