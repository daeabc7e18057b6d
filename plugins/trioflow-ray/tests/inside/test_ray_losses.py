"""What is lost with a node, or with the mailbox of a runner."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import ray
import trio
from ray_steps import bodies, large, ways
from trioflow_ray import NoNodeError, RefLostError, WorkerLostError, ray_options

from trioflow import Retry, Run

from .conftest import STORE, Opening
from .flows import flow, start


async def until(holds: Callable[[], object]) -> None:
    """Wait for what only other processes know."""
    while not holds():  # noqa: ASYNC110
        await trio.sleep(0.02)


def begins(folder: Path) -> list[str]:
    """Return the nodes on which a body has begun, in order."""
    path = folder / "begins"
    return path.read_text().splitlines() if path.exists() else []


async def test_what_is_lost_with_a_node(cluster: Any, open_ray: Opening, tmp_path: Path) -> None:
    spare = {"num_cpus": 1, "resources": {"spare": 2}, "object_store_memory": STORE}
    doomed = cluster.add_node(**spare)  # which Ray allows in the main thread only
    there = ray_options(num_cpus=0, node=doomed.node_id)
    make: Any = attrs.evolve(large.make, metadata=there)
    stay: Any = attrs.evolve(ways.hold, metadata=there)
    again: Any = attrs.evolve(ways.hold, retry=Retry(2, on=(WorkerLostError,)))
    folders = [tmp_path / name for name in ("stays", "moves")]
    for folder in folders:
        folder.mkdir()
    async with open_ray() as engine:
        with trio.fail_after(120):
            made = await engine.run(flow(make), 1_000_000)
            stays = engine.submit(flow(stay), str(folders[0]))
            moves = engine.submit(flow(again), str(folders[1]))
            await until(lambda: all(map(begins, folders)))
            cluster.remove_node(doomed, allow_graceful=False)
            lost = await stays.wait()
            cluster.add_node(**spare)
            await until(lambda: len(begins(folders[1])) == 2)
            (folders[1] / "go").touch()
            moved = await moves.wait()
            used = await start(engine, large.measure, made)
            here = await start(engine, large.measure_here, made)
            nowhere = await start(engine, stay, str(tmp_path))

    assert isinstance(lost.error, WorkerLostError)
    assert (lost.error.kind, lost.error.node) == ("node", doomed.node_id)
    assert moved.unwrap() == begins(folders[1])[1] != doomed.node_id
    for result in (used, here):
        assert isinstance(result.error, RefLostError)
        assert result.error.step == "make"
    assert isinstance(nowhere.error, NoNodeError)
    assert nowhere.error.seconds is None


async def test_what_is_lost_with_the_mailbox(open_ray: Opening, tmp_path: Path) -> None:
    path = trio.Path(tmp_path / "ticks")
    async with open_ray() as engine:
        ticks: Run[Any, Any] = engine.submit(flow(bodies.tick_async), str(path))
        while not await path.exists():  # noqa: ASYNC110 - only the other process knows
            await trio.sleep(0.01)
        [mailbox] = [
            each["name"]
            for each in ray.util.list_named_actors(all_namespaces=True)
            if each["name"].startswith("mailbox-")
        ]
        ray.kill(ray.get_actor(mailbox, namespace="trioflow"))
        with trio.fail_after(10):
            lost = await ticks.wait()
        refused = await start(engine, ways.tiny, 1)
        size = (await path.stat()).st_size
        await trio.sleep(0.2)  # a body that goes on writes twenty times
        assert (await path.stat()).st_size == size

    for result in (lost, refused):
        assert isinstance(result.error, WorkerLostError)
        assert result.error.kind == "owner"
