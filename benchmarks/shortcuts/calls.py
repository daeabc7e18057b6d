"""Shortcuts on the way of a step call."""

from __future__ import annotations

from typing import Any

from benchmarks import bodies
from benchmarks.shortcuts import plain_calls as plain
from benchmarks.shortcuts.shortcut import Shortcut, Work
from benchmarks.shortcuts.stage import (
    call_plans,
    chain,
    new_scope,
    patched,
    plan_of,
    run_all,
)
from trioflow import StepContext, Workflow, step
from trioflow._engine.base.outcome import Success
from trioflow._engine.planning.targets import code_of
from trioflow._engine.running import call_end, run_call
from trioflow._engine.running.bodies import step_body
from trioflow._engine.running.call import Call, new_call

ANY_OTHER = object()
"""A type that no value has."""


GOOD_END = tuple((module, "close_call", plain.close_call) for module in (run_call, call_end))


def a_new_call(number: int) -> tuple[Work, Work]:
    scope = new_scope()
    plan = call_plans(scope.plan)[0]

    def fast() -> None:
        for _ in range(number):
            new_call(plan, scope, "0")

    def slow() -> None:
        for _ in range(number):
            plain.PlainCall(plan, scope, "0")

    return fast, slow


def _two_chains(number: int, **options: Any) -> tuple[Workflow[Any, Any], Workflow[Any, Any]]:
    return chain(number, **options), chain(number, **options)


def plain_call(number: int) -> tuple[Work, Work]:
    fast, slow = _two_chains(number)
    for call in call_plans(plan_of(slow)):
        call.is_plain = False
    return run_all(fast, 0), run_all(slow, 0)


def function_alone(number: int) -> tuple[Work, Work]:
    fast, slow = _two_chains(number)
    for call in call_plans(plan_of(slow)):
        call.function = None
    return run_all(fast, 0), run_all(slow, 0)


def known_type(number: int) -> tuple[Work, Work]:
    fast, slow = _two_chains(number, body=step(bodies.move), input=bodies.Position)
    for call in call_plans(plan_of(slow)):
        call.takes = call.gives = ANY_OTHER
    start = bodies.Position(0, 0)
    return run_all(fast, start), run_all(slow, start)


def good_end(number: int) -> tuple[Work, Work]:
    fast, slow = _two_chains(number)
    return run_all(fast, 0), patched(run_all(slow, 0), *GOOD_END)


def output_slots(number: int) -> tuple[Work, Work]:
    outcomes = [(f"step{n}", n, Success(n)) for n in range(number)]

    def fast() -> None:
        outputs: list[Any] = [None] * number
        for _, slot, outcome in outcomes:
            outputs[slot] = outcome.value

    def slow() -> None:
        outputs: dict[str, Any] = {}
        for id, _, outcome in outcomes:
            outputs[id] = outcome.value

    return fast, slow


def mutable_outcome(number: int) -> tuple[Work, Work]:
    def fast() -> None:
        for _ in range(number):
            Success(1)

    def slow() -> None:
        for _ in range(number):
            plain.FrozenSuccess(1)

    return fast, slow


def code_identity(number: int) -> tuple[Work, Work]:
    function = step_body  # of some twenty lines, as steps are
    known_ids, known_codes = {code_of(function)}, {function.__code__}
    id_, code = code_of(function), function.__code__

    def fast() -> None:
        for _ in range(number):
            assert id_ in known_ids

    def slow() -> None:
        for _ in range(number):
            assert code in known_codes

    return fast, slow


def own_check(number: int) -> tuple[Work, Work]:
    fast = chunks(number)
    slow = chunks(number)
    return run_all(fast, 0), patched(run_all(slow, 0), (Call, "write", plain.PlainCall.write))


def chunks(number: int) -> Workflow[Any, Any]:
    @step
    async def write_all(value: int, ctx: StepContext) -> None:
        for index in range(number):
            await ctx.write(index)

    return chain(1, write_all)


SHORTCUTS = (
    Shortcut(
        "new-call",
        where="_engine/running/call.py",
        fast="a function fills the slots of a call that has no __init__",
        plain="an __init__",
        per="step",
        make=a_new_call,
    ),
    Shortcut(
        "plain-call",
        where="_engine/running/run_call.py",
        fast="a call without retries, limit and time-out awaits its body itself",
        plain="perform(), which knows all of them",
        per="step",
        make=plain_call,
        number=1000,
    ),
    Shortcut(
        "function-alone",
        where="_engine/running/run_call.py",
        fast="the function of a step that takes its input alone is called itself",
        plain="the body that calls it",
        per="step",
        make=function_alone,
        number=1000,
    ),
    Shortcut(
        "known-type",
        where="_engine/running/run_call.py",
        fast="an input or output of exactly the wanted class is not handed to be structured",
        plain="the function that structures, which finds the same out",
        per="step",
        make=known_type,
        number=1000,
    ),
    Shortcut(
        "good-end",
        where="_engine/running/call_end.py",
        fast="a call that ends well is closed without asking how it ended",
        plain="the function that closes calls, however they end",
        per="step",
        make=good_end,
        number=1000,
    ),
    Shortcut(
        "open-check",
        where="_engine/running/call.py",
        fast="ctx.write looks itself whether its step is still open",
        plain="a method for this",
        per="chunk",
        make=own_check,
    ),
    Shortcut(
        "output-slots",
        where="_engine/running/frame.py",
        fast="outputs of steps have numbers in a list",
        plain="a dict by their ids",
        per="step, of 100,000",
        make=output_slots,
        number=100_000,
    ),
    Shortcut(
        "open-outcome",
        where="_engine/base/outcome.py",
        fast="outcomes are not frozen",
        plain="a frozen class",
        per="step",
        make=mutable_outcome,
    ),
    Shortcut(
        "code-id",
        where="_engine/planning/targets.py",
        fast="the identity of a code stands for it in sets",
        plain="the code, whose hash is computed anew each time",
        per="look",
        make=code_identity,
    ),
)
