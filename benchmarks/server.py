"""What following runs over HTTP costs: ``python -m benchmarks.server``.

Needs ``plugins/trioflow-server``. The same two workflows on ``trioflow serve``, on Mastra's own
server (from npm) and on LlamaIndex's (from pip), each in a process of its own, read by the same
client program in another one. They take turns; the figures are medians. The servers of others are
installed into a cache folder the first time; what cannot be had there is left out with the reason.
trioflow is measured twice: through its routes for Mastra's client, and through its own streams.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import attrs

from benchmarks import history
from benchmarks.measure import UnavailableError
from benchmarks.peers.environments import default_folder
from benchmarks.serving.measures import MEASURES, Measure
from benchmarks.serving.servers import ROOT, SERVERS, Running, running

TARGETS = {"events-100": 3.0, "late-1": 0.002, "memory": 60_000.0}
"""At least so many times Mastra's events; at most so many seconds, and bytes."""


@attrs.frozen
class Contender:
    """A server, and how it is spoken to."""

    title: str
    server: str
    dialect: str


CONTENDERS = {
    contender.title: contender
    for contender in (
        Contender("trioflow", "trioflow", "mastra"),
        Contender("own stream", "trioflow", "own"),
        Contender("Mastra", "mastra", "mastra"),
        Contender("LlamaIndex", "llama-index", "llama-index"),
    )
}


def ask(host: str, contender: Contender, measure: Measure) -> Any:
    """Let the client program do the work of a measure; return what it says."""
    options = json.dumps(measure.options)
    module = "benchmarks.serving.client"
    command = [sys.executable, "-m", module, host, contender.dialect, measure.work, options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UnavailableError(f"failed: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout)


def hold(server: Running, contender: Contender, measure: Measure) -> Any:
    """Let the client program hold streams of a new server open; return the bytes of each."""
    options = json.dumps(measure.options)
    module = "benchmarks.serving.client"
    command = [sys.executable, "-m", module, server.host, contender.dialect, "hold", options]
    before = server.resident
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        if "held" not in process.stdout.readline():
            raise UnavailableError("failed: the streams could not be held")
        held = server.resident - before
        process.communicate()
    return {"bytes": held / measure.options["readers"]}


@attrs.define
class Session:
    """What is measured, of which servers."""

    rounds: int
    commands: Mapping[str, list[str]]
    servers: Mapping[str, Running]
    reasons: dict[tuple[str, str], str] = attrs.field(factory=dict)
    """Why there is no figure, by contender and measure."""

    def figures(self, measure: Measure) -> dict[str, float]:
        """Return the median of each contender."""
        samples: dict[str, list[float]] = {title: [] for title in CONTENDERS}
        titles = deque(CONTENDERS)
        for _ in range(self.rounds if measure.repeats else 1):
            for title in titles:
                if CONTENDERS[title].server in self.servers:
                    self._sample(title, measure, samples[title])
            titles.rotate()  # who goes first changes
        return {title: statistics.median(found) for title, found in samples.items() if found}

    def _sample(self, title: str, measure: Measure, samples: list[float]) -> None:
        if (title, measure.id) in self.reasons:
            return
        contender = CONTENDERS[title]
        try:
            if measure.work == "hold":
                with running(self.commands[contender.server]) as server:
                    said = hold(server, contender, measure)
            else:
                said = ask(self.servers[contender.server].host, contender, measure)
        except UnavailableError as error:
            self.reasons[title, measure.id] = str(error)
        else:
            samples.append(measure.figure(said))


def line(measure: Measure, figures: Mapping[str, float]) -> str:
    """Return the line of the table of a measure."""
    shown = [measure.shown(figures[title]) if title in figures else "-" for title in CONTENDERS]
    ratios = [ratio(measure, figures, other) for other in ("Mastra", "LlamaIndex")]
    cells = [cell.rjust(12) for cell in (*shown, *ratios)]
    return f"{measure.title:44}" + " ".join(cells)


def ratio(measure: Measure, figures: Mapping[str, float], other: str) -> str:
    """Return how many times better ours is, through the routes for Mastra's client."""
    if "trioflow" not in figures or other not in figures:
        return "-"
    ours, theirs = figures["trioflow"], figures[other]
    better = ours / theirs if measure.more_is_better else theirs / ours
    return f"{better:.1f} x"


def verdicts(found: Mapping[str, Mapping[str, float]]) -> Sequence[str]:
    """Say of each target whether it is met."""
    lines = []
    for id, wanted in TARGETS.items():
        figures = found.get(id, {})
        if "trioflow" not in figures or (id == "events-100" and "Mastra" not in figures):
            lines.append(f"{id}: not measured")
            continue
        if id == "events-100":
            times = figures["trioflow"] / figures["Mastra"]
            lines.append(
                f"{id}: {times:.1f} x Mastra, wanted >= {wanted:g}: {_word(times >= wanted)}"
            )
        else:
            shown = MEASURES[id].shown
            word = _word(figures["trioflow"] <= wanted)
            lines.append(f"{id}: {shown(figures['trioflow'])}, wanted <= {shown(wanted)}: {word}")
    return lines


def _word(is_met: bool) -> str:
    return "met" if is_met else "MISSED"


def measure_all(ids: Sequence[str], servers: Sequence[str], rounds: int, folder: Path) -> None:
    """Measure and print."""
    with ExitStack() as stack:
        commands, opened = dict[str, list[str]](), dict[str, Running]()
        for id in servers:
            try:
                commands[id] = SERVERS[id](folder)
                opened[id] = stack.enter_context(running(commands[id]))
            except UnavailableError as error:
                print(f"{id} is left out: {error}")
        print(f"{history.machine()}, {rounds} rounds; x: trioflow's routes for Mastra's client")
        heading = (*CONTENDERS, "x Mastra", "x LlamaIndex")
        print(" " * 44 + " ".join(title.rjust(12) for title in heading))
        session, found = Session(rounds, commands, opened), {}
        for id in ids:
            found[id] = session.figures(MEASURES[id])
            print(line(MEASURES[id], found[id]), flush=True)
        for (title, id), reason in session.reasons.items():
            print(f"{title}, {MEASURES[id].title}: {reason}")
        print(*verdicts(found), sep="\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.server",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--only", metavar="ID,...", help="measure these: " + ", ".join(MEASURES))
    add("--servers", metavar="ID,...", help="these servers: " + ", ".join(SERVERS))
    add("--rounds", metavar="N", type=int, default=5, help="samples of each (%(default)s)")
    add("--cache", metavar="DIR", type=Path, default=default_folder(), help="%(default)s")
    given = parser.parse_args()
    ids = given.only.split(",") if given.only else list(MEASURES)
    servers = given.servers.split(",") if given.servers else list(SERVERS)
    for kind, chosen, known in (("measure", ids, MEASURES), ("server", servers, SERVERS)):
        for id in chosen:
            if id not in known:
                parser.error(f"unknown {kind} {id!r}; there are {', '.join(known)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no server stays
    measure_all(ids, servers, given.rounds, given.cache)


if __name__ == "__main__":
    main()
