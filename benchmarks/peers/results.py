"""What was measured, and its JSON file."""

from __future__ import annotations

import json
import statistics
from pathlib import Path

import attrs
import cattrs


@attrs.frozen
class Row:
    """One workload of one engine, beside the hand-written program."""

    workload: str
    engine: str
    per: int
    """How many steps a sample has."""
    samples: tuple[float, ...] = ()
    """Seconds for the whole workload; none if *reason* says why."""
    floor_samples: tuple[float, ...] = ()
    """Those of the hand-written program, taken in between."""
    reason: str = ""

    @property
    def microseconds(self) -> float:
        """The median for one step."""
        return statistics.median(self.samples) / self.per * 1e6

    @property
    def ratio(self) -> float:
        """The median by that of the hand-written program."""
        return statistics.median(self.samples) / statistics.median(self.floor_samples)


@attrs.frozen
class Results:
    day: str
    machine: str
    python: str
    versions: dict[str, dict[str, str]]
    """What was installed, by engine and distribution."""
    rows: tuple[Row, ...]

    def find(self, workload: str, engine: str) -> Row | None:
        matching = [row for row in self.rows if (row.workload, row.engine) == (workload, engine)]
        return matching[0] if matching else None


def write(results: Results, file: Path) -> None:
    text = json.dumps(cattrs.unstructure(results), indent=1, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")


def read(file: Path) -> Results:
    return cattrs.structure(json.loads(file.read_text(encoding="utf-8")), Results)
