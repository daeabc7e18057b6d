"""Instructions per step: a figure without noise, to compare commits by.

Counted by callgrind, a tool of valgrind, as the difference of two sizes of a workload, so
that what a run costs once cancels out. `benchmarks.counting` is the program that is counted.
Instructions of the kernel and waiting are not in it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import attrs

from benchmarks.measure import UnavailableError
from benchmarks.pairs import COUNTED

SIZES = {"runs-1000": (20, 100), "first-event": (10, 50)}
"""The two sizes of workloads whose units are more than a step."""
STEPS = (100, 500)
"""The two sizes of all others."""
ENVIRONMENT = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
"""What would otherwise differ from start to start: the order of sets, and written caches."""


@attrs.frozen
class Counts:
    """Instructions per step, item, chunk or run of one workload."""

    id: str
    ours: float
    floor: float


def count_instructions(ids: Sequence[str]) -> list[Counts]:
    """Count the instructions per unit of these workloads.

    Raises:
      UnavailableError: if there is no valgrind, or it cannot run this interpreter.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise UnavailableError("there is no valgrind; Debian has it as a package")
    # Addresses decide where objects lie in dicts and sets, so they should not be random.
    setarch = shutil.which("setarch")
    command = [valgrind] if setarch is None else [setarch, "--addr-no-randomize", valgrind]
    with tempfile.TemporaryDirectory() as folder:
        command += ["--tool=callgrind", "--dump-before=getpriority*"]
        command += [f"--callgrind-out-file={folder}/counts"]
        command += [sys.executable, "-m", "benchmarks.counting"]
        command += [":".join(map(str, (id, *sizes(id)))) for id in ids]
        done = subprocess.run(
            command, env=os.environ | ENVIRONMENT, stderr=subprocess.PIPE, text=True, check=False
        )
        if done.returncode:
            raise UnavailableError(f"the program failed under valgrind:\n{done.stderr}")
        totals = read_totals(folder)
    if len(totals) != 4 * len(ids):
        raise UnavailableError(f"callgrind saw {len(totals)} of {4 * len(ids)} marks")
    return [per_unit(id, totals[4 * index : 4 * index + 4]) for index, id in enumerate(ids)]


def sizes(id: str) -> tuple[int, int]:
    return SIZES.get(id, STEPS)


def read_totals(folder: str) -> list[int]:
    """Return the counts between each two marks; what lies before a first mark is no count."""
    numbered = {int(file.suffix[1:]): file for file in Path(folder).glob("counts.*")}
    return [total_of(numbered[number]) for number in sorted(numbered) if number % 2 == 0]


def total_of(file: Path) -> int:
    found = re.search(r"^totals: (\d+)$", file.read_text(), re.MULTILINE)
    if found is None:
        raise UnavailableError(f"callgrind wrote no total to {file.name}")
    return int(found[1])


def per_unit(id: str, totals: Sequence[int]) -> Counts:
    short, long = sizes(id)
    ours_short, ours_long, floor_short, floor_long = totals
    units = long - short
    return Counts(id, (ours_long - ours_short) / units, (floor_long - floor_short) / units)


def table(counts: Sequence[Counts]) -> str:
    lines = [f"{'instructions':18}  {'ours':>12}  {'by hand':>12}  {'ratio':>7}"]
    for each in counts:
        figures = f"{each.ours:12,.0f}  {each.floor:12,.0f}  {each.ours / each.floor:7.3f}"
        lines.append(f"{each.id:18}  {figures}")
    return "\n".join(lines)


def as_figures(counts: Sequence[Counts]) -> dict[str, int]:
    return {each.id: round(each.ours) for each in counts}


def main() -> None:
    ids = sys.argv[1].split(",") if len(sys.argv) > 1 else list(COUNTED)
    print(table(count_instructions(ids)))


if __name__ == "__main__":
    main()
