"""What ten thousand schedules cost: memory, opening, and time per tick.

    python -m benchmarks.schedules [NUMBER] [STORE]

Without a store, all schedules tick three times at the same moments in virtual time. With the URL of
an empty database, or ``postgresql`` for a server of its own, all have one tick that came while no
process looked.
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from typing import Any

import attrs
import trio
import trio.testing

from tests.databases import server_kit
from trioflow import Cron, Engine, Schedule, Workflow, open_engine, step
from trioflow.abc import ScheduleStore
from trioflow.testing import VirtualClock

ROUNDS = 3
"""How often each schedule ticks in virtual time."""
HOUR = 3600.0
BATCH = 500
"""How many schedules are changed in one transaction."""


class Counter:
    """Counts the runs that have had their step."""

    def __init__(self, wanted: int) -> None:
        self.ran, self.wanted = 0, wanted
        self.done = trio.Event()

    def flow(self) -> Workflow[int, int]:
        """Return the workflow of all schedules."""

        @step
        async def count(value: int) -> int:
            self.ran += 1
            if self.ran == self.wanted:
                self.done.set()
            return value

        return Workflow("count", input=int, output=int).then(count)


def declare(number: int, flow: Workflow[int, int]) -> list[Schedule]:
    """Return schedules that tick each hour."""
    rules = [Cron("0 * * * *", "Europe/Berlin"), Cron("0 */1 * * *")]
    options: Any = {"overlap": "allow", "catch_up": 2 * HOUR}
    return [Schedule(f"s{each}", flow, rules[each % 2], each, **options) for each in range(number)]


async def measure(number: int, store: str | None) -> None:
    """Print what *number* schedules cost."""
    counter = Counter(number if store else number * ROUNDS)
    flow = counter.flow()
    tracemalloc.start()
    schedules = declare(number, flow)
    declared, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"{number:,} schedules, {declared / number:,.0f} bytes each")
    options: Any = {"plugins": ["sql"] if store else (), "store": store, "workflows": [flow]}
    for name in ("opening", "opening again") if store else ("opening",):
        began = time.perf_counter()
        async with open_engine(schedules=schedules, **options) as engine:
            print(f"{name}: {time.perf_counter() - began:.2f} s", flush=True)
            if name == "opening" and store:
                await set_back(engine)
            else:
                await keep(engine, number, counter)


async def set_back(engine: Engine) -> None:
    """Leave all ticks of the last hour to decide."""
    store = engine.store
    assert isinstance(store, ScheduleStore)
    found = await store.list_schedules()
    changes = [
        (attrs.evolve(each, watermark=each.watermark - HOUR), each.version) for each in found
    ]
    for first in range(0, len(changes), BATCH):
        assert all(await store.put_schedules(changes[first : first + BATCH]))


async def keep(engine: Engine, number: int, counter: Counter) -> None:
    """Run the schedules until all ticks have had their runs."""
    tracemalloc.start()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(engine.run_schedules)
        if counter.wanted > number:
            await trio.testing.wait_all_tasks_blocked()
            kept, _ = tracemalloc.get_traced_memory()
            print(f"memory of the loop: {kept / number:,.0f} bytes each")
        tracemalloc.stop()
        began = time.perf_counter()
        await counter.done.wait()
        took = time.perf_counter() - began
        nursery.cancel_scope.cancel()
    each = took / counter.ran * 1e6
    print(f"{counter.ran:,} ticks, {each:,.0f} µs each, with its run")


def main() -> None:
    """Measure in virtual time, or on the store that is given."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    store = sys.argv[2] if len(sys.argv) > 2 else None
    if store is None:
        trio.run(measure, number, None, clock=VirtualClock())
    elif store == "postgresql":
        with server_kit().running_server() as server:
            trio.run(measure, number, server.url("postgres"))
    else:
        trio.run(measure, number, store)


if __name__ == "__main__":
    main()
