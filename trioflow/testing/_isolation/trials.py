"""The trials: a faulty run, and what must hold for it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from itertools import cycle
from typing import Any, NoReturn, TypeVar

from trioflow.engine import Engine
from trioflow.run import Run
from trioflow.testing._isolation.bench import Bench
from trioflow.testing._isolation.bodies import Flow
from trioflow.testing._isolation.code import Code
from trioflow.testing._isolation.gifts import Gift, Giver
from trioflow.testing._isolation.places import Place
from trioflow.testing._isolation.raised import FOREIGN, all_kinds
from trioflow.testing._isolation.values import UNWRITABLE

T = TypeVar("T")
K = TypeVar("K")
Way = Callable[[Engine, Flow, Any], Awaitable[Run[Any, Any]]]


@asynccontextmanager
async def named(name: str) -> AsyncGenerator[None, None]:
    """Add a note with the name of the trial to an exception."""
    try:
        yield
    except BaseException as exc:
        exc.add_note(f"in the trial of {name}")
        raise


# ---------------------------------------------------------------- ways to run
async def started(engine: Engine, workflow: Flow, event: Any) -> Run[Any, Any]:
    """Run a workflow in this task, with an event that is sent before the start."""
    run = engine.create_run(workflow, run_id=workflow.id)
    if event is not None:
        run.send_event("event", event)
    await run.start()
    return run


async def streamed(engine: Engine, workflow: Flow, event: Any) -> Run[Any, Any]:
    """Run a workflow and read its events."""
    run = engine.create_run(workflow, run_id=workflow.id)
    async with run.stream() as stream:
        if event is not None:
            run.send_event("event", event)
        async for _ in stream:
            pass
    return run


async def submitted(engine: Engine, workflow: Flow, event: Any) -> Run[Any, Any]:
    """Run a workflow in a task of the engine."""
    run = engine.submit(workflow, run_id=workflow.id)
    if event is not None:
        run.send_event("event", event)
    await run.wait()
    return run


WAYS: tuple[Way, ...] = (started, streamed, submitted)


# ---------------------------------------------------------------- the trials
async def try_place(bench: Bench, engine: Engine, place: Place, value: Any, way: Way) -> None:
    """Run a workflow with a value that its journal cannot hold."""
    workflow = bench.add(place.build(bench.stage, bench.new(), value))
    data = bench.stage.hidden(value) if place.event else None
    run = await way(engine, workflow, data)
    ends = place.in_store if bench.is_durable else place.without_store
    await bench.check(engine, run, workflow, ends)


async def try_gift(bench: Bench, engine: Engine, gift: Gift, value: Any) -> None:
    """Pass such a value to a run, which must refuse it, and then a valid one."""
    workflow = bench.add(gift.build(bench.stage, bench.new()))
    run = await gift.give(Giver(engine, bench.stage, workflow, value, bench.refuses))
    await run.wait()
    await bench.check(engine, run, workflow, "success")


async def try_code(
    bench: Bench, engine: Engine, code: Code, make: Callable[[], BaseException], way: Way
) -> None:
    """Run a workflow in which some code raises."""

    def fail() -> NoReturn:
        raise make()

    workflow = bench.add(code.build(bench.stage, bench.new(), fail))
    data = bench.stage.meddler.made_by(fail) if code.event else None
    run = await way(engine, workflow, data)
    status = "success" if code.is_written and not bench.is_durable else code.ends
    await bench.check(engine, run, workflow, status)


async def try_interrupt(bench: Bench, code: Code, way: Way) -> None:
    """Interrupt code of a run with Ctrl-C, which ends the program but no durable run."""

    def fail() -> None:
        if not bench.stage.is_restarted:
            raise KeyboardInterrupt

    workflow = bench.add(code.build(bench.stage, bench.new(), fail))
    data = bench.stage.meddler.made_by(fail) if code.event else None
    try:
        async with bench.open() as engine:
            engine.submit(bench.bystander, run_id=bench.bystander.id)
            await way(engine, workflow, data)
        raise AssertionError("Ctrl-C did not leave the engine")
    except KeyboardInterrupt:
        bench.stage.is_restarted = True
    if bench.is_durable:
        await bench.check_recovery()


# ---------------------------------------------------------------- many of them
async def try_places(bench: Bench, places: Mapping[str, Place], thorough: bool = False) -> None:
    """Try values at these places."""
    async with bench.beside_a_bystander() as engine:
        for name, place, (kind, make), way in _combined(places, UNWRITABLE, thorough):
            async with named(f"{kind} as {name}, {way.__name__}"):
                await try_place(bench, engine, place, make(), way)


async def try_gifts(bench: Bench, gifts: Mapping[str, Gift], thorough: bool = False) -> None:
    """Try passing values to runs."""
    async with bench.beside_a_bystander() as engine:
        for name, gift, (kind, make), _ in _combined(gifts, UNWRITABLE, thorough):
            async with named(f"{kind} as {name}"):
                await try_gift(bench, engine, gift, make())


async def try_codes(bench: Bench, codes: Mapping[str, Code], thorough: bool = False) -> None:
    """Try code that raises at these places."""
    kinds = await all_kinds()
    async with bench.beside_a_bystander() as engine:
        for name, code, (kind, make), way in _combined(codes, kinds, thorough):
            if code.in_nursery and kind == FOREIGN:
                continue
            async with named(f"{kind} raised by {name}, {way.__name__}"):
                await try_code(bench, engine, code, make, way)


async def try_interrupts(
    new_bench: Callable[[], Bench], codes: Mapping[str, Code], thorough: bool = False
) -> None:
    """Try Ctrl-C in code at these places, each time in new engines."""
    for (name, code), first in zip(codes.items(), cycle(WAYS), strict=False):
        for way in WAYS if thorough else [first]:
            bench = new_bench()
            if bench.is_durable or not code.is_written:
                async with named(f"Ctrl-C in {name}, {way.__name__}"):
                    await try_interrupt(bench, code, way)


def _combined(
    table: Mapping[str, T], kinds: Mapping[str, K], thorough: bool
) -> Iterator[tuple[str, T, tuple[str, K], Way]]:
    """Yield the entries of *table*, each with the next kind and way, or with all of them."""
    every = [(kind, way) for kind in kinds.items() for way in WAYS]
    others = zip(cycle(kinds.items()), cycle(WAYS), strict=False)
    for name, entry in table.items():
        for kind, way in every if thorough else [next(others)]:
            yield name, entry, kind, way
