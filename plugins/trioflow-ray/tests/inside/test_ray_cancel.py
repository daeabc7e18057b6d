"""Bodies that are canceled have ended, at whatever moment."""

from __future__ import annotations

import random
from pathlib import Path

import trio
from ray_steps import bodies

from .conftest import Opening
from .flows import flow

TIMES = 150
LATEST = 0.03
"""Seconds from the first sign of a body, or from its start, to when it is canceled."""


def sizes(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_size for path in folder.iterdir()}


def is_gone(pid: int) -> bool:
    """Return whether a process has ended."""
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or ") Z" in stat.read_text()


async def test_no_body_goes_on_whenever_it_is_canceled(open_ray: Opening, tmp_path: Path) -> None:
    chance = random.Random(16)
    after: dict[str, int] = {}
    begun = 0
    async with open_ray(max_in_flight=8, grace=5.0) as engine:
        for number in range(TIMES):
            path = trio.Path(tmp_path / str(number))
            body = (bodies.tick_async, bodies.tick)[number % 2]
            run = engine.submit(flow(body), str(path))
            if number % 3:  # otherwise perhaps before it has begun
                while not await path.exists():  # noqa: ASYNC110 - only the other process knows
                    await trio.sleep(0.002)
            await trio.sleep(chance.uniform(0, LATEST))
            run.cancel()
            assert (await run.wait()).status == "canceled"
            if await path.exists():
                begun += 1
                after[path.name] = (await path.stat()).st_size
        await trio.sleep(0.3)  # a body that goes on writes thirty times
        now = sizes(tmp_path)

    assert begun >= TIMES * 2 // 3
    assert {name: size for name, size in now.items() if not name.endswith(".ended")} == after


async def test_a_body_that_blocks_is_killed_after_the_grace(
    open_ray: Opening, tmp_path: Path
) -> None:
    path = trio.Path(tmp_path / "blocks")
    async with open_ray(grace=0.5) as engine:
        run = engine.submit(flow(bodies.block), str(path))
        while not await path.exists():  # noqa: ASYNC110 - only the other process knows
            await trio.sleep(0.01)
        began = trio.current_time()
        run.cancel()
        assert (await run.wait()).status == "canceled"
        took = trio.current_time() - began
    pid = int(await path.read_text())

    assert took >= 0.5
    with trio.fail_after(10):  # it no longer runs, but the system may still clean up after it
        while not is_gone(pid):  # noqa: ASYNC110
            await trio.sleep(0.02)
