"""Promises about cancellation: it ends a body or waits for it, and affects no other body."""

from __future__ import annotations

import trio

from trioflow.testing._runners.bench import Bench, Promise, expect
from trioflow.testing._runners.bodies import TOLD
from trioflow.testing._runners.ending import Ending, cancel_body


async def canceled_bodies_end(bench: Bench) -> None:
    """Check a cancellation while the body runs."""
    for kind in bench.free_kinds:
        ending = await cancel_body(bench, kind)
        ending.check()


async def deadlines_end_bodies(bench: Bench) -> None:
    """Check a deadline that is set before the call and passes while the body runs."""
    for kind in bench.free_kinds:
        seconds, has_begun = 0.05, False
        while not has_begun:
            ending = await cancel_body(bench, kind, trio.current_time() + seconds)
            ending.check()
            has_begun = ending.line is not None
            seconds *= 2  # it may take a while until a body can start


async def others_go_on(bench: Bench) -> None:
    """Check that canceling one body does not end another."""
    if bench.places < 2:
        return
    for kind in bench.free_kinds:
        canceled, other = Ending(bench, kind), Ending(bench, kind)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(canceled.run)
            async with bench.line() as canceled.line:
                nursery.start_soon(other.run)
                async with bench.line() as other.line:
                    canceled.scope.cancel()
                    await canceled.wait_over(canceled.line)
                    await other.line.end()
                    await other.over.wait()
        expect(other.error, None, f"what {kind.name} raises when another is canceled")
        expect(other.result, TOLD, f"output of {kind.name} when another is canceled")


async def a_task_may_be_canceled_before(bench: Bench) -> None:
    """Check that run() in a canceled scope neither hangs nor breaks the runner."""
    for kind in bench.kinds:
        with trio.CancelScope() as scope:
            scope.cancel()
            await bench.run(kind.echo, 1)
        expect(
            await bench.run(kind.echo, 2),
            ((2,), {}),
            f"output of {kind.name} after a call that never began",
        )


PROMISES = (
    Promise("run() ends only after a canceled body has ended", canceled_bodies_end),
    Promise("run() ends only after a body past its deadline has ended", deadlines_end_bodies),
    Promise("canceling one body does not affect another", others_go_on),
    Promise(
        "the runner still works after a call that was canceled early", a_task_may_be_canceled_before
    ),
)
