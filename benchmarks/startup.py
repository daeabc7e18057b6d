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
import {module}
print(time.perf_counter() - started)
"""


def importing(module: str) -> Program:
    """Return a program that imports *module* in a new interpreter and times just that."""
    command = [sys.executable, "-c", IMPORT.format(module=module)]

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


def compare(id: str, title: str, ours: Program, floor: Program, samples: int) -> Row:
    """Measure what *ours* takes more than *floor*: that is the row's value."""
    times, floor_times = take_turns([ours, floor], samples)
    median, floor_median = statistics.median(times), statistics.median(floor_times)
    return Row(
        id=id,
        title=title,
        unit="s",
        median=median,
        floor_median=floor_median,
        samples=samples,
        ratio=median / floor_median,
        value=median - floor_median,
        all_samples=tuple(times),
        all_floor_samples=tuple(floor_times),
    )


@attrs.frozen
class Imports:
    """What ``import trioflow`` takes more than ``import trio``."""

    samples: int = 15

    def measure(self) -> list[Row]:
        ours, floor = importing("trioflow"), importing("trio")
        return [compare("import", "import trioflow, import trio", ours, floor, self.samples)]


@attrs.frozen
class Help:
    """How long ``trioflow --help`` takes in all."""

    samples: int = 9

    def measure(self) -> list[Row]:
        if find_spec("cyclopts") is None:
            raise UnavailableError("the command line is not installed: trioflow[cli] brings it")
        ours = starting("-m", "trioflow.cli", "--help")
        row = compare(
            "help", "trioflow --help, python -c pass", ours, starting("-c", "pass"), self.samples
        )
        return [attrs.evolve(row, value=row.median)]
