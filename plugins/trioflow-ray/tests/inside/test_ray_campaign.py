"""Workers and nodes are killed at random moments while a stored run goes over them."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio
from ray_steps import campaign
from trioflow_ray import RayRunner

from trioflow import Engine, Run, Workflow, open_engine
from trioflow.events import StepProgress

from .conftest import STORE

pytestmark = pytest.mark.campaign

SEED = "TRIOFLOW_RAY_SEED"
"""Names the environment variable that chooses the seed; without, each campaign has another."""
ITEMS = 200
PAUSE = 3.0
"""Mean seconds between two kills."""
NODES = 6
"""Every so many kills, a node."""


@attrs.frozen
class Note:
    """A line that a body has written."""

    what: str
    number: int
    pid: int
    node: str
    at: float


def notes_in(folder: Path) -> list[Note]:
    """Return what bodies have written, in order."""
    path = folder / "notes"
    found = []
    for line in path.read_text().splitlines() if path.exists() else ():
        what, number, pid, node, at = line.split()
        found.append(Note(what, int(number), int(pid), node, float(at)))
    return found


def in_the_middle(notes: list[Note]) -> list[Note]:
    """Return the begins of bodies that have not ended; of an item only the last."""
    last = {note.number: note for note in notes}
    return [note for note in last.values() if note.what == "begin"]


class Killer:
    """Kills workers, and the extra node of the cluster, which it replaces."""

    def __init__(self, cluster: Any, folder: Path, chance: random.Random) -> None:
        self._cluster = cluster
        self._folder = folder
        self._chance = chance
        self._node: Any = None
        self.counts = Counter[str]()
        self.may_repeat = 0
        """How many bodies were in the middle of what was killed, at most."""

    def add_node(self) -> None:
        self._node = self._cluster.add_node(num_cpus=2, object_store_memory=STORE)

    async def kill(self) -> None:
        """Kill again and again, until canceled."""
        while True:
            await trio.sleep(self._chance.uniform(0.5, 1.5) * PAUSE)
            if self.counts.total() % NODES == NODES - 1:
                self._kill_node()
            else:
                self._kill_worker()

    def _kill_worker(self) -> None:
        running = in_the_middle(notes_in(self._folder))
        alive = [note for note in running if Path(f"/proc/{note.pid}").exists()]
        if alive:
            os.kill(self._chance.choice(alive).pid, signal.SIGKILL)
            self.counts["workers"] += 1
            self.may_repeat += 1

    def _kill_node(self) -> None:
        self._cluster.remove_node(self._node, allow_graceful=False)
        self.counts["nodes"] += 1
        self.may_repeat += 4  # as many as fit on its two processors
        self.add_node()


async def follow(run: Run[Any, Any], recorded: dict[int, float]) -> None:
    """Note when each item was recorded."""
    async with run.observe() as stream:
        async for event in stream:
            if isinstance(event, StepProgress):
                recorded[event.index] = event.at


async def drive(engine: Engine, folder: Path, killer: Killer) -> tuple[Any, dict[int, float]]:
    """Run all items under kills; return the result, and when each item was recorded."""
    items = [[str(folder), number] for number in range(ITEMS)]
    recorded: dict[int, float] = {}
    run = engine.submit("campaign", items, run_id="campaign")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(killer.kill)
        await follow(run, recorded)
        nursery.cancel_scope.cancel()
    return await run.wait(), recorded


async def test_bodies_are_repeated_only_if_they_were_killed(cluster: Any, tmp_path: Path) -> None:
    seed = int(os.environ.get(SEED, random.SystemRandom().randrange(10**6)))
    flow = Workflow("campaign", input=list[list[Any]]).foreach(campaign.note, concurrency=10)
    killer = Killer(cluster, tmp_path, random.Random(seed))
    killer.add_node()
    store = f"sqlite:{tmp_path}/runs.db"
    runners = {"ray": RayRunner(cluster.address)}
    async with open_engine(store=store, runners=runners, workflows=[flow]) as engine:
        result, recorded = await drive(engine, tmp_path, killer)
    async with open_engine(store=store, workflows=[flow]) as engine:
        stored = await (await engine.load_run("campaign")).wait()
    notes = notes_in(tmp_path)

    begins = Counter(note.number for note in notes if note.what == "begin")
    repeated = begins.total() - len(begins)
    again = [
        note for note in notes if note.what == "begin" and note.at > recorded[note.number] + 0.001
    ]
    print(
        f"seed {seed}: {ITEMS} items, killed {dict(killer.counts)}; {repeated} bodies repeated of "
        f"at most {killer.may_repeat}, {len(again)} begun again after they were recorded, "
        f"{ITEMS - len(recorded)} lost; the most begins of one item: {max(begins.values())}"
    )
    assert result.unwrap() == stored.unwrap() == [2 * number for number in range(ITEMS)]
    assert sorted(recorded) == list(range(ITEMS))
    assert again == []
    assert repeated <= killer.may_repeat
    assert killer.counts["workers"] >= 5
    assert killer.counts["nodes"] >= 1


def test_a_cluster_of_its_own_fulfills_the_contract() -> None:
    program = Path(__file__).with_name("own_contract.py")
    command = [sys.executable, str(program)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
