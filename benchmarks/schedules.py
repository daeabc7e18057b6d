"""What ten thousand schedules cost: memory, opening, and time per tick.

    python -m benchmarks.schedules [NUMBER] [STORE]

All schedules tick at the same moments, in virtual time for a store in memory; with the URL of
another store, in real time.
"""

from __future__ import annotations

import sys
import time
import tracemalloc
from typing import Any

import trio

from trioflow import Cron, Schedule, Workflow, open_engine, step
from trioflow.testing import VirtualClock

ROUNDS = 3
"""How often each schedule ticks in virtual time."""


@step
async def nothing(value: int) -> int:
    return value


FLOW = Workflow("nothing", input=int, output=int).then(nothing)


async def measure(number: int, store: str | None) -> None:
    """Print what *number* schedules cost."""
    rules = [Cron("0 * * * *", "Europe/Berlin"), Cron("0 */1 * * *")]
    tracemalloc.start()
    schedules = [
        Schedule(f"s{index}", FLOW, rules[index % 2], index, overlap="allow")
        for index in range(number)
    ]
    declared, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    options: dict[str, Any] = {"plugins": ["sql"] if store else (), "store": store}
    began = time.perf_counter()
    async with open_engine(workflows=[FLOW], schedules=schedules, **options) as engine:
        opened = time.perf_counter() - began
        tracemalloc.start()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.run_schedules)
            await trio.testing.wait_all_tasks_blocked()
            kept, _ = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            began = time.perf_counter()
            await trio.sleep(ROUNDS * 3600)
            took = time.perf_counter() - began
            nursery.cancel_scope.cancel()
        starts = sum([info.starts for info in await engine.schedules.list()])
    print(f"{number:,} schedules, {starts:,} ticks")
    print(f"memory of the declarations: {declared / number:,.0f} bytes each")
    print(f"memory of the loop: {kept / number:,.0f} bytes each")
    print(f"opening: {opened:.2f} s")
    print(f"time per tick: {took / max(1, starts) * 1e6:,.0f} µs, its run included")


def main() -> None:
    """Measure in virtual time, or on the store that is given."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    store = sys.argv[2] if len(sys.argv) > 2 else None
    if store is None:
        trio.run(measure, number, store, clock=VirtualClock())
    else:
        trio.run(measure, number, store)


if __name__ == "__main__":
    import trio.testing

    main()
