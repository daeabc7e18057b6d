"""What passes from one process to another: a run whose process was killed, and an event."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import attrs
import trio
from trioflow_sql import SqlStore

from benchmarks.durable.chains import NAMES
from benchmarks.durable.databases import Kind, new_database
from benchmarks.durable.owner import EVENTS, killed, listening
from benchmarks.measure import Row
from trioflow import events, open_engine


def _row(id: str, title: str, took: list[float]) -> Row:
    median = statistics.median(took)
    return Row(
        id=id,
        title=title,
        unit="s",
        median=median,
        floor_median=0.0,
        samples=len(took),
        value=median,
        all_samples=tuple(took),
    )


@contextmanager
def other_process(job: str, url: str) -> Iterator[subprocess.Popen[str]]:
    """Run `benchmarks.durable.owner` while the block runs."""
    command = [sys.executable, "-m", "benchmarks.durable.owner", job, url]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def hear(process: subprocess.Popen[str]) -> str:
    """Return the next line that the other process prints."""
    assert process.stdout is not None
    return process.stdout.readline()


def say(process: subprocess.Popen[str]) -> None:
    """Let the other process begin."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


# ---------------------------------------------------------------- a process that dies
@attrs.frozen
class Killed:
    """From ``kill -9`` to the first new event of the run that the dead process drove."""

    kind: Kind
    samples: int = 7

    def measure(self) -> list[Row]:
        where = f"after kill -9 on {NAMES[self.kind]}"
        started = [self._once(_restart, True) for _ in range(self.samples)]
        opened = [self._once(_restart, False) for _ in range(self.samples)]
        standing_by = [self._once(_stand_by, False)[1] for _ in range(self.samples)]
        titles = {
            f"open-{self.kind}": (f"an engine is open {where}", [a for a, _ in opened]),
            f"recover-{self.kind}": (f"first new event {where}", [b for _, b in opened]),
            f"restart-{self.kind}": (
                f"the same, with the start of the interpreter, {where}",
                [b for _, b in started],
            ),
            f"stand-by-{self.kind}": (f"the same, engine open before, {where}", standing_by),
        }
        return [_row(id, title, took) for id, (title, took) in titles.items()]

    def _once(
        self, how: Callable[[str, bool], tuple[float, float]], starts: bool
    ) -> tuple[float, float]:
        with new_database(self.kind) as url:
            return how(url, starts)


def _restart(url: str, starts: bool) -> tuple[float, float]:
    """Return when an engine was open and when the run went on, in seconds after the death.

    Args:
      starts: Whether the start of the interpreter is part of it.
    """
    with ExitStack() as stack:
        victim = stack.enter_context(other_process("killed", url))
        hear(victim)
        if not starts:
            rescuer = stack.enter_context(other_process("recover", url))
            hear(rescuer)
        os.kill(victim.pid, signal.SIGKILL)
        at = time.time()
        if starts:
            rescuer = stack.enter_context(other_process("recover", url))
        say(rescuer)
        if starts:
            hear(rescuer)
        opened, event = float(hear(rescuer)), float(hear(rescuer))
    return opened - at, event - at


def _stand_by(url: str, starts: bool) -> tuple[float, float]:
    async def main() -> float:
        store = SqlStore(url)
        with other_process("killed", url) as victim:
            hear(victim)
            async with open_engine(
                plugins=[], workflows=[killed], store=store, recover=True
            ) as engine:
                os.kill(victim.pid, signal.SIGKILL)
                at = time.time()
                async with engine.observe("r") as stream:
                    async for event in stream:
                        if isinstance(event, events.Recover):
                            return event.at - at
        raise AssertionError("the run was not recovered")

    return 0.0, trio.run(main)


# ---------------------------------------------------------------- an event
@attrs.frozen
class EventTime:
    """From ``send_event`` in one process to the step that waits for it in another."""

    kind: Kind

    def measure(self) -> list[Row]:
        with new_database(self.kind) as url, other_process("listening", url) as process:
            hear(process)
            trio.run(_send, url)
            took = [float(hear(process)) for _ in range(EVENTS)]
        title = f"from send_event to the step, in another process, on {NAMES[self.kind]}"
        return [_row(f"event-{self.kind}", title, took)]


async def _send(url: str) -> None:
    async with open_engine(plugins=[], workflows=[listening], store=SqlStore(url)) as engine:
        for number in range(EVENTS):
            await engine.send_event("r", f"event{number}", time.time())
            await trio.sleep(0.25 + number * 0.013)  # at any moment between two looks
