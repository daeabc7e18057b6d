"""What ``import trioflow`` adds to ``import trio``, each in a new interpreter."""

from __future__ import annotations

import statistics
import subprocess
import sys

import attrs

from benchmarks.measure import Program, Row, take_turns

SCRIPT = """
import time
started = time.perf_counter()
import {module}
print(time.perf_counter() - started)
"""


def importing(module: str) -> Program:
    """Return a program that imports *module* in a new interpreter."""
    command = [sys.executable, "-c", SCRIPT.format(module=module)]

    def run() -> float:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        return float(done.stdout)

    return run


@attrs.frozen
class Imports:
    """The difference of the two import times."""

    id: str = "import"
    samples: int = 15

    def measure(self) -> list[Row]:
        ours, floor = take_turns(importing("trioflow"), importing("trio"), self.samples)
        median, floor_median = statistics.median(ours), statistics.median(floor)
        return [
            Row(
                id=self.id,
                title="import trioflow beside import trio",
                unit="s",
                median=median,
                floor_median=floor_median,
                samples=self.samples,
                ratio=median / floor_median,
                value=median - floor_median,
                all_samples=tuple(ours),
                all_floor_samples=tuple(floor),
            )
        ]
