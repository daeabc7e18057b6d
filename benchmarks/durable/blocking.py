"""For how long a large result of a durable step keeps others from having their turns."""

from __future__ import annotations

import time
from typing import Any

import attrs
import trio
from trioflow_sql import SqlStore

from benchmarks.durable.databases import new_database
from benchmarks.measure import Row
from trioflow import Workflow, open_engine, step

SIZE = 50_000_000
"""Characters of JSON, about."""


def rows() -> Any:
    return [{"id": number, "words": ["some"] * 9, "x": 0.5} for number in range(SIZE // 100)]


def text() -> Any:
    return "x" * SIZE


@attrs.frozen
class Blocking:
    """The longest time between two turns of a task that is always ready, while a step ends.

    The least of all samples is shown.
    """

    samples: int = 5

    def measure(self) -> list[Row]:
        return [
            self._row("block-rows", f"{SIZE // 10**6} MB as rows", rows),
            self._row("block-text", f"{SIZE // 10**6} MB as one string", text),
        ]

    def _row(self, id: str, what: str, make: Any) -> Row:
        longest = []
        for _ in range(self.samples):
            with new_database("sqlite") as url:
                longest.append(trio.run(_longest_block, url, make()))
        # What else the machine does can only make a block longer.
        least = min(longest)
        return Row(
            id=id,
            title=f"longest block of the loop by a result of {what}",
            unit="s",
            median=least,
            floor_median=0.0,
            samples=self.samples,
            value=least,
            all_samples=tuple(longest),
        )


async def _longest_block(url: str, value: Any) -> float:
    @step
    async def gives(_: int) -> Any:
        return value

    workflow: Workflow[Any, Any] = Workflow("w", input=int, output=Any).then(gives)
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        before = time.perf_counter()
        while True:
            await trio.lowlevel.checkpoint()
            now = time.perf_counter()
            longest, before = max(longest, now - before), now

    async with (
        open_engine(plugins=[], workflows=[workflow], store=SqlStore(url)) as engine,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(watch)
        (await engine.submit(workflow, 0).wait()).unwrap()
        nursery.cancel_scope.cancel()
    return longest
