"""Promises about cancellation: it reaches every method, and appends stay atomic."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from trioflow.testing._stores.bench import Bench, Promise, expect


async def methods_are_checkpoints(bench: Bench) -> None:
    """Check that each method notices a cancellation that came before the call."""
    await bench.do(bench.first("a", 0))
    store, run_id, owner = bench.store, bench.id("a"), bench.mark
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "append": lambda: store.append([bench.following("a", 0, 1)]),
        "append of nothing": lambda: store.append([]),
        "read": lambda: store.read(run_id),
        "get": lambda: store.get(run_id),
        "list_runs": store.list_runs,
        "claim": lambda: store.claim(run_id, owner, 60),
        "renew": lambda: store.renew(owner, 60),
        "release": lambda: store.release(run_id, owner),
        "delete": lambda: store.delete(bench.id("unknown")),
        "prune": lambda: store.prune(0.0),
        "count_runs": store.count_runs,
        "list_claimable": lambda: store.list_claimable(now=0.0),
        "post_request": lambda: store.post_request(bench.request("a")),
        "take_requests": lambda: store.take_requests(owner),
    }
    for name, call in calls.items():
        with trio.CancelScope() as scope:
            scope.cancel()
            await call()
        expect(
            scope.cancelled_caught, True, f"whether {name}() raises Cancelled in a canceled scope"
        )


async def appends_are_whole(bench: Bench) -> None:
    """Check the journals after an append to two runs was canceled at various moments."""
    await bench.do(bench.first("a", 0), bench.first("b", 0))
    last = {"a": 0, "b": 0}
    for moment in range(12):
        more = {name: range(end + 1, end + 50) for name, end in last.items()}
        appends = [bench.following(name, end, *more[name]) for name, end in last.items()]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.store.append, appends)
            for _ in range(moment):
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()
        for name, end in list(last.items()):
            last[name] = (await bench.stored(name)).last_seq
            whole = last[name] in (end, more[name][-1])
            expect(whole, True, f"whether a canceled append to run {name} is atomic")
            found = await bench.seqs(name)
            expect(found, list(range(last[name] + 1)), f"entries of {name} after canceling")


PROMISES = (
    Promise("every method is a checkpoint", methods_are_checkpoints),
    Promise("cancellation leaves no append half applied", appends_are_whole),
)
