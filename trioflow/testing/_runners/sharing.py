"""Promises about several calls, concurrent and consecutive."""

from __future__ import annotations

from contextlib import AsyncExitStack, suppress
from typing import Any

import trio

from trioflow.testing._runners.bench import Bench, Promise, expect
from trioflow.testing._runners.bodies import Kind, ProbeError
from trioflow.testing._runners.ending import cancel_body

CALLS = 10
BEGINNING = 10.0
"""Seconds after which bodies count as not running concurrently."""


async def results_are_not_mixed_up(bench: Bench) -> None:
    """Check the outputs of more calls than the runner may run at once."""
    for kind in bench.kinds:
        found: dict[int, Any] = {}

        async def call(number: int, kind: Kind = kind, found: dict[int, Any] = found) -> None:
            found[number] = await bench.run(kind.echo, number)

        async with trio.open_nursery() as nursery:
            for number in range(CALLS):
                nursery.start_soon(call, number)
        wanted: dict[int, Any] = {number: ((number,), {}) for number in range(CALLS)}
        expect(dict(sorted(found.items())), wanted, f"outputs of {CALLS} calls of {kind.name}")


async def bodies_run_side_by_side(bench: Bench) -> None:
    """Check that bodies start although others have not ended."""
    if bench.places < 2:
        return
    for kind in bench.free_kinds:
        running = 0
        async with trio.open_nursery() as nursery, AsyncExitStack() as lines:
            for _ in range(bench.places):
                nursery.start_soon(bench.run, kind.hold, bench.address)
            with trio.move_on_after(BEGINNING):
                while running < bench.places:
                    await lines.enter_async_context(bench.line())
                    running += 1
            if running < bench.places:
                nursery.cancel_scope.cancel()
        what = f"concurrent calls of {kind.name} (see the argument places)"
        expect(running, bench.places, what)


async def failures_harm_nobody(bench: Bench) -> None:
    """Check that a runner still works after a body has failed, and after one was canceled."""
    for kind in bench.kinds:
        with suppress(ProbeError):
            await bench.run(kind.fail, "again")
        expect(
            await bench.run(kind.echo, 1),
            ((1,), {}),
            f"output of {kind.name} after one that failed",
        )
    for kind in bench.free_kinds:
        await cancel_body(bench, kind)
        expect(
            await bench.run(kind.echo, 1),
            ((1,), {}),
            f"output of {kind.name} after one that was canceled",
        )


PROMISES = (
    Promise("each call returns its own output", results_are_not_mixed_up),
    Promise("bodies run concurrently", bodies_run_side_by_side),
    Promise("the runner still works after failed and canceled bodies", failures_harm_nobody),
)
