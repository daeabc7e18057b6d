"""How many copies of a large value a durable run holds: ``python -m benchmarks.durable.copies``.

For each kind of value, a step of a run on SQLite returns one, and another process loads the run.
The figures are the peaks of the processes' memory, as Linux counts it, beyond what they hold in the
end: the value itself is not counted. Pass the size in megabytes; the default is 100.
"""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import trio

from trioflow import Workflow, open_engine, step

MEGABYTE = 1_000_000
STATUS = Path("/proc/self/status")
CLEAR = Path("/proc/self/clear_refs")

KINDS: Mapping[str, tuple[Any, Callable[[int], Any]]] = {
    "bytes": (bytes, os.urandom),
    "str": (str, lambda size: "abcdefghij" * (size // 10)),
    "list[str]": (list[str], lambda size: [f"{number:051}" for number in range(size // 110)]),
}
"""The type of each kind, and how a value that takes about so many bytes is made."""


def memory(key: str) -> int:
    """Return a line of the process's status in bytes: ``VmRSS`` is now, ``VmHWM`` the peak."""
    lines = STATUS.read_text("utf-8").splitlines()
    return int(next(line for line in lines if line.startswith(key)).split()[1]) * 1024


def begin() -> int:
    """Begin a measurement; return the bytes that are held."""
    gc.collect()
    CLEAR.write_text("5", "utf-8")  # the peak is what is held now
    return memory("VmRSS")


class Measured:
    """A workflow whose only step returns a value, and what is held around it."""

    def __init__(self, kind: str, size: int) -> None:
        type_, make = KINDS[kind]
        self.value = self.held = 0

        @step(output=type_)
        async def give() -> Any:
            before = begin()
            value = make(size)
            self.held = begin()
            self.value = self.held - before
            return value

        self.workflow = Workflow("copies", output=type_).then(give)

    async def write(self, url: str) -> None:
        async with open_engine(plugins=["sql"], workflows=[self.workflow], store=url) as engine:
            result = await engine.create_run("copies", run_id="r").start()
        assert len(result.unwrap()) > 0

    async def read(self, url: str) -> None:
        async with open_engine(plugins=["sql"], workflows=[self.workflow], store=url) as engine:
            before = begin()
            run = await engine.load_run("r")
            assert len((await run.wait()).unwrap()) > 0
            gc.collect()
            self.held = memory("VmRSS")
            self.value = self.held - before


def measure(phase: str, kind: str, size: int, url: str) -> None:
    """Print how many times the size of the value is held beyond it, at the peak of a phase."""
    measured = Measured(kind, size)
    trio.run(getattr(measured, phase), url)
    copies = (memory("VmHWM") - measured.held) / measured.value
    print(f"{kind:9}  {phase:5}  {measured.value / MEGABYTE:5.0f} MB  {copies:5.2f} copies")


def main(arguments: list[str]) -> None:
    if len(arguments) > 1:
        phase, kind, number, url = arguments
        measure(phase, kind, int(number), url)
        return
    size = int(float(arguments[0] if arguments else 100) * MEGABYTE)
    for kind in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:{folder}/runs.db"
            for phase in ("write", "read"):
                command = [sys.executable, "-m", __spec__.name, phase, kind, str(size), url]
                subprocess.run(command, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
