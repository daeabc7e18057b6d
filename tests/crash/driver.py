"""Starts worker processes on one database, kills them, and keeps book of what must not be lost."""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs

from tests.crash.flows import TRACE
from trioflow import events
from trioflow._engine.journal.codec import decode
from trioflow.abc import Entry, Store, StoredRun
from trioflow.record import fold

ROOT = Path(__file__).parents[2]
PATIENCE = 240.0
"""Seconds that workers may take to answer, or to end what is left, on a slow machine."""


@attrs.define(eq=False)
class Worker:
    """A process that has begun to work."""

    pid: int
    driver: Driver

    def kill(self) -> None:
        """Kill it where it stands."""
        os.kill(self.pid, signal.SIGKILL)
        assert self.wait_end() == -signal.SIGKILL

    def wait_end(self) -> int:
        """Wait until it has ended, and return its exit status."""
        self.driver.say(f"wait {self.pid}")
        return self.driver.hear("ended")


@attrs.define(eq=False)
class Driver:
    """Kills workers and looks at what they leave behind."""

    url: str
    folder: Path
    chance: random.Random
    known: dict[str, list[Entry]] = attrs.field(factory=dict)
    """Every entry of every journal that was ever seen, by run."""
    recorded: set[str] = attrs.field(factory=set)
    """The step calls whose result was seen in a journal."""
    counts: Counter[str] = attrs.field(factory=Counter)
    _process: subprocess.Popen[str] | None = None
    _position: int = 0
    """How much of the traces was there when the journals were looked at."""

    @property
    def trace(self) -> Path:
        return self.folder / "trace"

    @contextmanager
    def open(self) -> Generator[None, None, None]:
        """Start the process that starts the workers; all end with the block."""
        self.trace.touch()
        with (
            (self.folder / "errors").open("a") as errors,
            subprocess.Popen(
                [sys.executable, "-m", "tests.crash.worker", self.url, str(self.folder)],
                cwd=ROOT,
                env={**os.environ, TRACE: str(self.trace), "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            ) as self._process,
        ):
            try:
                yield
            finally:
                self._process.kill()  # it may wait for a worker that does not end

    def start(self) -> Worker:
        """Start a worker and return it as soon as it works."""
        self.say("start")
        return Worker(self.hear("ready"), self)

    def say(self, line: str) -> None:
        """Tell the process that starts workers what to do."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def hear(self, word: str) -> int:
        """Return the number behind the word that it answers with."""
        assert self._process is not None
        assert self._process.stdout is not None
        # One line is asked for at a time, so none waits in the buffer of the file.
        heard = select.select([self._process.stdout], [], [], PATIENCE)[0]
        assert heard, f"no {word!r} after {PATIENCE:g} s:\n{(self.folder / 'errors').read_text()}"
        answer = self._process.stdout.readline().split()
        assert answer[:1] == [word], (self.folder / "errors").read_text()
        return int(answer[1])

    def work(self) -> None:
        """Let the workers work for a random while."""
        time.sleep(self.chance.uniform(0.02, 0.4))

    def stop(self) -> None:
        """Let the workers start nothing more."""
        (self.folder / "stop").touch()

    # ------------------------------------------------------------ the books
    async def look(self, store: Store) -> None:
        """Check the traces since the last time, and read what is new in the journals."""
        self._check_traces()
        for stored in await store.list_runs():
            entries = self.known.setdefault(stored.header.run_id, [])
            last = entries[-1].seq if entries else -1
            assert stored.last_seq >= last, f"{stored} has lost entries"
            if stored.last_seq > last:
                new = await store.read(stored.header.run_id, last, 10**6)
                self._take(stored.header.run_id, new, entries)
        self._position = self.trace.stat().st_size

    def _take(self, run_id: str, new: Any, entries: list[Entry]) -> None:
        entries += new
        for event in decode(run_id, entries)[len(entries) - len(new) :]:
            self.counts["recoveries"] += isinstance(event, events.Recover)
            if isinstance(event, events.StepResult) and event.status == "success":
                self.recorded.add(event.step_call_id)

    def _check_traces(self) -> None:
        """Check that nothing began again whose result had been recorded before."""
        with self.trace.open("rb") as file:
            file.seek(self._position)
            lines = file.read().decode().splitlines()
        again = self.recorded & {line.partition(" ")[2] for line in lines}
        assert not again, f"ran again though recorded: {sorted(again)}"

    async def check_end(self, store: Store) -> list[StoredRun]:
        """Check that nothing was lost and that every run has ended well; return the runs."""
        await self.look(store)
        runs = list(await store.list_runs())
        assert {run.header.run_id for run in runs} == self.known.keys()
        for run in runs:
            entries = list(await store.read(run.header.run_id, limit=10**6))
            assert entries == self.known[run.header.run_id]
            folded = fold(decode(run.header.run_id, entries))
            assert (run.status, folded.status) == ("success", "success")
        begun = Counter(line.split()[1] for line in self._lines("begin"))
        self.counts["runs"] = len(runs)
        self.counts["step calls"] = len(begun)
        self.counts["bodies run again, unrecorded"] = begun.total() - len(begun)
        return runs

    def _lines(self, what: str) -> list[str]:
        return [line for line in self.trace.read_text().splitlines() if line.startswith(what)]

    def report(self, title: str) -> str:
        """Return the counts as one line."""
        return f"{title}: " + ", ".join(f"{n} {name}" for name, n in self.counts.items())
