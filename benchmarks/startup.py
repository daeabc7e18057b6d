"""What it takes to start: importing trioflow, and the command line. In new interpreters."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from importlib.util import find_spec

import attrs

from benchmarks.measure import Program, Row, UnavailableError, take_turns

IMPORT = """
import time
started = time.perf_counter()
{statement}
print(time.perf_counter() - started)
"""


USED = "from trioflow import Workflow, open_engine, step"
"""What a program needs that runs something. The package alone brings its names when asked for."""


def importing(statement: str) -> Program:
    """Return a program that does an import in a new interpreter and times just that."""
    command = [sys.executable, "-c", IMPORT.format(statement=statement)]

    def run() -> float:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        return float(done.stdout)

    return run


def starting(*arguments: str) -> Program:
    """Return a program that times a new interpreter from its start to its end."""

    def run() -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - started

    return run


def row_of(id: str, title: str, ours: list[float], floor: list[float]) -> Row:
    """Return a row whose value is what *ours* takes more than *floor*."""
    median, floor_median = statistics.median(ours), statistics.median(floor)
    return Row(
        id=id,
        title=title,
        unit="s",
        median=median,
        floor_median=floor_median,
        samples=len(ours),
        ratio=median / floor_median,
        value=median - floor_median,
        all_samples=tuple(ours),
        all_floor_samples=tuple(floor),
    )


@attrs.frozen
class Imports:
    """What imports of trioflow take more than ``import trio``."""

    samples: int = 15

    def measure(self) -> list[Row]:
        statements = ["import trioflow", USED, "import trio"]
        package, used, trio = take_turns([importing(s) for s in statements], self.samples)
        return [
            row_of("import", "import trioflow, import trio", package, trio),
            row_of("import-used", "import what a program needs, import trio", used, trio),
        ]


@attrs.frozen
class Help:
    """How long ``trioflow --help`` takes in all."""

    samples: int = 9

    def measure(self) -> list[Row]:
        if find_spec("cyclopts") is None:
            raise UnavailableError("the command line is not installed: trioflow[cli] brings it")
        programs = [starting("-m", "trioflow", "--help"), starting("-c", "pass")]
        ours, floor = take_turns(programs, self.samples)
        row = row_of("help", "trioflow --help, python -c pass", ours, floor)
        return [attrs.evolve(row, value=row.median)]
