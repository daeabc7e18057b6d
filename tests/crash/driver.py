"""Starts workers on one database, kills and stops them, and restarts them as a supervisor does."""

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

import attrs

from tests.crash.notes import Notes
from tests.crash.settings import WORKERS

ROOT = Path(__file__).parents[2]
PATIENCE = 25.0
"""Seconds that the last worker may take to end all that is left, on a slow machine. The claims of
those that have died must not last as long as they were made for: 30 s."""


@attrs.define(eq=False)
class Worker:
    """A process that works."""

    name: str
    place: int
    pid: int
    continues_at: float | None = None
    """When it is to be continued, if it is stopped: monotonic clock."""
    is_spared: bool = False
    """Whether it is not to be killed while it is stopped."""


@attrs.define(eq=False)
class Driver:
    """Keeps workers alive, while it kills them."""

    folder: Path
    chance: random.Random
    stop_for: tuple[float, float]
    """Seconds that a stopped worker is stopped for, at least and at most."""
    stop_share: float
    """How many of the kills are stops."""
    module: str = "tests.crash.worker"
    """The module that starts the workers."""
    long_stop: float = 0.0
    """For how many seconds one of the workers is stopped in the middle of it all, if at all."""
    counts: Counter[str] = attrs.field(factory=Counter)
    alive: list[Worker] = attrs.field(factory=list)
    _started: Counter[int] = attrs.field(factory=Counter)
    _process: subprocess.Popen[str] | None = None
    _notes: Notes = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._notes = Notes(self.folder, "driver")

    # ------------------------------------------------------------ processes
    @contextmanager
    def open(self) -> Generator[None, None, None]:
        """Start the process that starts the workers, and them; all end with the block."""
        with (
            (self.folder / "errors").open("a") as errors,
            subprocess.Popen(
                [sys.executable, "-m", self.module, str(self.folder)],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            ) as self._process,
        ):
            try:
                for place in range(WORKERS):
                    self.start(place)
                yield
            finally:
                for worker in self.alive:
                    os.kill(worker.pid, signal.SIGKILL)
                self._process.kill()

    def start(self, place: int) -> None:
        """Start a worker. It may be killed before it has opened its engine."""
        self._started[place] += 1
        name = f"{place}.{self._started[place]}"
        self.alive.append(Worker(name, place, self._ask(f"start {name}", "started")))

    def _ask(self, line: str, *words: str) -> int:
        """Have something done, and return the number behind the word of the answer."""
        word, number = self._answer_to(line)
        assert word in words, self.errors()
        return number

    def _answer_to(self, line: str) -> tuple[str, int]:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        # One line is asked for at a time, so none waits in the buffer of the file.
        heard = select.select([self._process.stdout], [], [], PATIENCE)[0]
        assert heard, f"no answer to {line!r} after {PATIENCE:g} s:\n{self.errors()}"
        word, number = self._process.stdout.readline().split()
        return word, int(number)

    def errors(self) -> str:
        """Return the end of what workers have said."""
        return (self.folder / "errors").read_text()[-5000:]

    # ------------------------------------------------------------ what is done to them
    def torment(self, kills: int) -> None:
        """Kill workers so often, at random moments, and stop some in between."""
        while (killed := self.counts["kills"] + self.counts["kills of the stopped"]) < kills:
            time.sleep(self.chance.uniform(0.02, 0.6))
            self.look()
            if self.long_stop and killed >= kills // 2:
                self.stop_for_long()
            worker = self.chance.choice(self.alive)
            if worker.is_spared or (self.is_idle(worker) and self.chance.random() < 0.8):
                continue  # most get to work some day
            if worker.continues_at is None and self.chance.random() < self.stop_share:
                self.stop(worker)
            else:
                self.kill(worker)
                self.start(worker.place)

    def is_idle(self, worker: Worker) -> bool:
        """Tell whether a worker is stopped, or has not opened its engine yet."""
        return worker.continues_at is not None or not self._notes.beside(worker.name).exists()

    def kill(self, worker: Worker) -> None:
        """Kill a worker where it stands, and forget it."""
        is_stopped = worker.continues_at is not None
        self.counts["kills of the stopped" if is_stopped else "kills"] += 1
        os.kill(worker.pid, signal.SIGKILL)
        assert self._ask(f"wait {worker.pid}", "ended") == -signal.SIGKILL
        self._notes.write("kill", subject=worker.name)
        self.alive.remove(worker)

    def stop(self, worker: Worker) -> None:
        """Stop a worker for a while."""
        self.counts["stops"] += 1
        os.kill(worker.pid, signal.SIGSTOP)
        self._notes.write("stop", subject=worker.name)
        worker.continues_at = time.monotonic() + self.chance.uniform(*self.stop_for)

    def stop_for_long(self) -> None:
        """Stop a worker for longer than a claim of any length, while others are killed."""
        going = [worker for worker in self.alive if worker.continues_at is None]
        if not going:
            return
        worker = self.chance.choice(going)
        self.stop(worker)
        worker.is_spared = True
        worker.continues_at = time.monotonic() + self.long_stop
        self.long_stop = 0.0

    def look(self) -> None:
        """Continue those that were stopped for long enough, and restart those that have died."""
        for worker in tuple(self.alive):
            if worker.continues_at is not None and time.monotonic() > worker.continues_at:
                self.go_on(worker)
            word, status = self._answer_to(f"look {worker.pid}")
            if word == "ended":
                self._notes.write("end", subject=worker.name)
                self.alive.remove(worker)
                if status != 0:  # else there was nothing left to do
                    assert status == -signal.SIGKILL, f"{worker.name}: {status}\n{self.errors()}"
                    self.counts["explosions"] += 1
                    self.start(worker.place)

    def go_on(self, worker: Worker) -> None:
        """Let a stopped worker go on."""
        worker.continues_at, worker.is_spared = None, False
        self._notes.write("continue", subject=worker.name)  # before it can do anything
        os.kill(worker.pid, signal.SIGCONT)

    def end(self) -> float:
        """Leave one worker alive, which has to end all that is left; return how long it took."""
        while len(self.alive) > 1:
            self.kill(self.chance.choice(self.alive))
        (self.folder / "stop").touch()
        began = time.monotonic()
        while self.alive and time.monotonic() < began + PATIENCE:
            time.sleep(0.05)
            for worker in self.alive:
                if worker.continues_at is not None:
                    self.go_on(worker)
            self.look()
        return time.monotonic() - began
