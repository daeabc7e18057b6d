"""How the programs that run on Trio take the time."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import trio

from benchmarks.peers.programs.serving import Sample


def timed(fn: Callable[..., Awaitable[Any]], *args: Any) -> Sample:
    """Return a sample that awaits ``fn(*args)``; the start of Trio does not count."""

    async def main() -> float:
        started = time.perf_counter()
        await fn(*args)
        return time.perf_counter() - started

    return lambda: trio.run(main)
