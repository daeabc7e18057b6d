"""Many items over two nodes, of which Ray has only so many at the same time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import trio
from ray_steps import ways
from trioflow_ray import RayRunner

from trioflow import Workflow, open_engine

IN_FLIGHT = 20


def memory() -> int:
    """Return the resident memory of this process in bytes."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * 4096


@pytest.mark.parametrize("items", [500, pytest.param(10_000, marks=pytest.mark.campaign)], ids=str)
async def test_ray_has_only_so_many_bodies(cluster: Any, items: int) -> None:
    many = Workflow("many", input=list[int]).foreach(ways.node_of, concurrency=10 * IN_FLIGHT)
    runner = RayRunner(cluster.address, max_in_flight=IN_FLIGHT)
    most = 0

    async def look() -> None:
        nonlocal most
        while True:
            assert runner._cluster is not None
            most = max(most, len(runner._cluster.office._calls))
            await trio.sleep(0.01)

    async with open_engine(plugins=[], runners={"ray": runner}) as engine:
        await engine.run(many, list(range(100)))
        before = memory()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(look)
            found: Any = await engine.run(many, list(range(items)))
            nursery.cancel_scope.cancel()
        after = memory()

    counts = Counter(found)
    print(f"{items} items: {sorted(counts.values())} per node, {after / before:.2f} x the memory")
    assert counts.total() == items
    assert most == IN_FLIGHT
    assert len(counts) >= 2
    assert after / before <= 1.3
