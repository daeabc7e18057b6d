"""What processes write down about what they do, where it outlives them.

Each process has a file of its own. A line is written with one call of the system, and whatever
kills the process takes nothing back that was written: the machine stays up, so nothing has to be
forced to the disk. Only a line that crosses a page of the file may be cut by a kill in the middle
of the call; what it was about had not begun, and it is left out.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SUFFIX = ".notes"


class Notes:
    """The file of one process."""

    def __init__(self, folder: Path, process: str) -> None:
        self.process = process
        self._folder = folder
        self._file: int | None = None
        self._count = 0

    def write(self, what: str, **fields: Any) -> None:
        """Add a line; it is written when this returns."""
        if self._file is None:
            self._file = os.open(
                self.beside(self.process), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666
            )
        line = {"what": what, "at": time.time(), "process": self.process, **fields}
        os.write(self._file, (json.dumps(line) + "\n").encode())

    def beside(self, process: str) -> Path:
        """Return where another process writes."""
        return self._folder / (process + SUFFIX)

    def new_id(self) -> str:
        """Return a name that nothing else in the campaign has."""
        self._count += 1
        return f"{self.process}-{self._count}"


def read_notes(folder: Path) -> Iterator[dict[str, Any]]:
    """Read the lines of all processes, oldest first in each."""
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        for line in path.read_text().splitlines(keepends=True):
            if line.endswith("\n"):
                yield json.loads(line)
