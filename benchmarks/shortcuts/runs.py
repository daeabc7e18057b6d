"""Shortcuts at the boundaries of steps, and in what a run is made of."""

from __future__ import annotations

import types
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import trio
from trio.lowlevel import checkpoint_if_cancelled

from benchmarks import bodies, ours
from benchmarks.shortcuts import plain_calls as plain
from benchmarks.shortcuts.shortcut import Shortcut, Work
from benchmarks.shortcuts.stage import (
    in_trio,
    new_log,
    noop,
    plan_of,
)
from trioflow import step
from trioflow._engine.base.habits import Reputation
from trioflow._engine.running.bodies import step_body
from trioflow._engine.stream.fairness import Pacer
from trioflow.run import new_run_id

STEPS = 10
EVENTS = ours.ENDS + ours.PER_STEP * STEPS


def no_coroutine(number: int) -> tuple[Work, Work]:
    body = step_body(noop.signature, bodies.noop, None)
    around = plain.as_coroutine(body)

    async def call_all(body: Any) -> None:
        for _ in range(number):
            await body(None, 1)

    return in_trio(call_all, body), in_trio(call_all, around)


def own_name(number: int) -> tuple[Work, Work]:
    def fast() -> None:
        for _ in range(number):
            checkpoint_if_cancelled  # noqa: B018

    def slow() -> None:
        for _ in range(number):
            trio.lowlevel.checkpoint_if_cancelled  # noqa: B018

    return fast, slow


def own_clock(number: int) -> tuple[Work, Work]:
    log = new_log()

    async def fast() -> None:
        log.clock = trio.lowlevel.current_clock()
        for _ in range(number):
            log.tick()

    async def slow() -> None:
        for _ in range(number):
            log.at = log.now()

    return in_trio(fast), in_trio(slow)


def trusted_functions(number: int) -> tuple[Work, Work]:
    fast, slow = (ours.chain_of([step(own_function()) for _ in range(STEPS)]) for _ in range(2))
    forgetful = plan_of(slow)

    async def trusting() -> None:
        for _ in range(number):
            await ours.run_and_count(fast, 0, EVENTS)

    async def careful() -> None:
        for _ in range(number):
            forgetful.reputation = Reputation()
            await ours.run_and_count(slow, 0, EVENTS)

    return in_trio(trusting), in_trio(careful)


def own_function() -> Callable[[Any], Awaitable[Any]]:
    """Return a function that shares its code with no other."""
    code = bodies.noop.__code__.replace()
    function = types.FunctionType(code, vars(bodies), bodies.noop.__name__)
    function.__annotations__ = bodies.noop.__annotations__
    return function


def few_turns(number: int) -> tuple[Work, Work]:
    async def pass_all(boundary: Callable[[Pacer], Awaitable[None]]) -> None:
        pacer = Pacer(new_log(), Reputation())
        for _ in range(number):
            await boundary(pacer)

    return in_trio(pass_all, Pacer.boundary), in_trio(pass_all, plain.boundary)


def random_id(number: int) -> tuple[Work, Work]:
    def fast() -> None:
        for _ in range(number):
            new_run_id()

    def slow() -> None:
        for _ in range(number):
            uuid.uuid4().hex  # noqa: B018

    return fast, slow


SHORTCUTS = (
    Shortcut(
        "no-coroutine",
        where="_engine/running/bodies.py, _engine/stream/fairness.py, context.py",
        fast="a plain function returns what is to be awaited",
        plain="an async function awaits it",
        per="call",
        make=no_coroutine,
    ),
    Shortcut(
        "own-name",
        where="_engine/stream/fairness.py",
        fast="a function of Trio has a name in the module",
        plain="it is looked up in trio.lowlevel",
        per="look",
        make=own_name,
    ),
    Shortcut(
        "own-clock",
        where="_engine/stream/log.py",
        fast="a run keeps Trio's clock",
        plain="trio.current_time(), which finds it each time",
        per="event",
        make=own_clock,
    ),
    Shortcut(
        "trusted-functions",
        where="_engine/base/habits.py",
        fast="functions that were brief in many runs are trusted in the next ones",
        plain="each run tries them anew",
        per=f"run of {STEPS} steps with a reader",
        make=trusted_functions,
        number=100,
    ),
    Shortcut(
        "few-turns",
        where="_engine/stream/fairness.py",
        fast="most boundaries before steps are cancellation points only",
        plain="each is a schedule point",
        per="step",
        make=few_turns,
    ),
    Shortcut(
        "run-id",
        where="run.py",
        fast="random bytes as hexadecimal digits",
        plain="uuid.uuid4()",
        per="run",
        make=random_id,
    ),
)
