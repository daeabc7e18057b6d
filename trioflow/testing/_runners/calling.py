"""Promises about one call: the arguments of a body, and its output."""

from __future__ import annotations

import traceback

import trio

from trioflow.testing._runners.bench import Bench, Promise, expect
from trioflow.testing._runners.bodies import ProbeError, describe, variable

ARRIVAL = 1.0
"""Seconds after which chunks count as not passed on."""


async def results_come_back(bench: Bench) -> None:
    """Check arguments and output."""
    for kind in bench.kinds:
        for args, kwargs in [((), {}), ((None,), {}), ((1, "a"), {"ctx": 0, "fn": [b"\0"]})]:
            found = await bench.run(kind.echo, *args, **kwargs)
            expect(found, (args, kwargs), f"output of {kind.name} that returns its arguments")
    await bench.look_around()


async def exceptions_come_back(bench: Bench) -> None:
    """Check type, arguments and traceback of an exception."""
    for kind in bench.kinds:
        try:
            result = await bench.run(kind.fail, "text", 7)
        except BaseException as exc:
            _check_exception(exc, f"what {kind.name} raises")
        else:
            raise AssertionError(f"{kind.name} raises, and run() returns {result!r}")


def _check_exception(exc: BaseException, what: str) -> None:
    if isinstance(exc, trio.Cancelled):
        raise exc
    expect(type(exc), ProbeError, what)
    expect(exc.args, ("text", 7), f"arguments of {what}")
    if "raise ProbeError(*args)" not in "".join(traceback.format_exception(exc)):
        raise AssertionError(f"the traceback of {what} does not show the line that raises it")


async def contexts_arrive(bench: Bench) -> None:
    """Check what a body sees of its context."""
    for kind in bench.kinds:
        found = await bench.run(kind.describe, bench.ctx)
        expect(found, describe(bench.ctx), f"context of {kind.name}, first argument")
        found = await bench.run(kind.describe, ctx=bench.ctx)
        expect(found, describe(bench.ctx), f"context of {kind.name}, passed by name")


async def variables_arrive(bench: Bench) -> None:
    """Check that a body sees the context variables of the task that calls run()."""
    if not bench.carries_context:
        return
    token = variable.set("set by the step")
    try:
        for kind in bench.kinds:
            expect(await bench.run(kind.look), variable.get(), f"context variable in {kind.name}")
    finally:
        variable.reset(token)


async def chunks_come_at_once(bench: Bench) -> None:
    """Check that chunks become events, in order, while the writing body is still running."""
    for kind in bench.free_kinds:
        before = len(bench.chunks)
        wanted = list(range(5))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bench.run, kind.write, bench.address, wanted, bench.ctx)
            async with bench.line():
                with trio.move_on_after(ARRIVAL):
                    while len(bench.chunks) < before + len(wanted):
                        await trio.lowlevel.checkpoint()
                found = bench.chunks[before:]
        expect(found, wanted, f"chunks in events while {kind.name} is still running")


PROMISES = (
    Promise("run() returns what the function returns", results_come_back),
    Promise("run() raises the function's own exception", exceptions_come_back),
    Promise("the function gets the context that run() was given", contexts_arrive),
    Promise("the function sees the caller's context variables", variables_arrive),
    Promise("written chunks arrive immediately and in order", chunks_come_at_once),
)
