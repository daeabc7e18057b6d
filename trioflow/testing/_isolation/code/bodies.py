"""Trials in which bodies of steps raise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import trio

from trioflow.context import StepContext
from trioflow.retry import Retry
from trioflow.steps import Step, step
from trioflow.testing._isolation.bodies import Flow, flow
from trioflow.testing._isolation.code.code import Code, Fail, failing
from trioflow.testing._isolation.stage import Stage


def body(stage: Stage, w: Flow, fail: Fail) -> Flow:
    return w.then(stage.bodies.does(lambda ctx: failing(fail)))


def body_in_a_thread(stage: Stage, w: Flow, fail: Fail) -> Flow:
    return w.then(in_a_thread(stage, fail))


def in_a_thread(stage: Stage, fail: Fail) -> Step[Any, Any]:
    @step
    def blocks(given: Any, ctx: StepContext[Any]) -> None:
        stage.bodies.made[ctx.run_id] += 1
        fail()

    return blocks


def body_in_a_runner(stage: Stage, w: Flow, fail: Fail) -> Flow:
    return w.then(stage.bodies.does(lambda ctx: failing(fail), runner="meddler"))


def body_with_a_time(stage: Stage, w: Flow, fail: Fail) -> Flow:
    return w.then(stage.bodies.does(lambda ctx: failing(fail), timeout=600))


def body_of_an_attempt(stage: Stage, w: Flow, fail: Fail) -> Flow:
    retry = Retry(2, on=(BaseException,))
    return w.then(stage.bodies.does(lambda ctx: failing(fail), retry=retry))


def task_of_a_body(stage: Stage, w: Flow, fail: Fail) -> Flow:
    async def do(ctx: StepContext[Any]) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(failing, fail)
            await stage.rest()

    return w.then(stage.bodies.does(do))


def clean_up_of_a_body(stage: Stage, w: Flow, fail: Fail) -> Flow:
    begun = trio.Event()

    async def do(ctx: StepContext[Any]) -> None:
        begun.set()
        try:
            await stage.rest()
        finally:
            fail()

    async def first(ctx: StepContext[Any]) -> None:
        await begun.wait()
        raise ValueError("the other arm is canceled")

    return w.parallel(stage.bodies.does(do), stage.bodies.does(first, "first"))


def arm(stage: Stage, w: Flow, fail: Fail) -> Flow:
    fails = stage.bodies.does(lambda ctx: failing(fail))
    rests = stage.bodies.does(lambda ctx: stage.rest(), "rests")
    return w.parallel(fails, rests)


def item(stage: Stage, w: Flow, fail: Fail) -> Flow:
    fails = stage.bodies.does(lambda ctx: failing(fail))
    return w.map(lambda data: [1, 2, 3]).foreach(fails, concurrency=2)


def collected_arm(stage: Stage, w: Flow, fail: Fail) -> Flow:
    fails = stage.bodies.does(lambda ctx: failing(fail))
    return w.parallel(fails, stage.bodies.gives(1, "other"), on_error="collect")


def collected_item(stage: Stage, w: Flow, fail: Fail) -> Flow:
    fails = stage.bodies.does(lambda ctx: failing(fail))
    return w.map(lambda data: [1, 2, 3]).foreach(fails, concurrency=2, on_error="collect")


def body_with_a_fallback(stage: Stage, w: Flow, fail: Fail) -> Flow:
    return w.then(stage.bodies.does(lambda ctx: failing(fail), fallback=lambda error: 1))


def iteration(stage: Stage, w: Flow, fail: Fail) -> Flow:
    return w.dowhile(stage.bodies.does(lambda ctx: failing(fail)), lambda data: False)


def body_in_a_nested_workflow(stage: Stage, w: Flow, fail: Fail) -> Flow:
    return w.then(flow("inner").then(stage.bodies.does(lambda ctx: failing(fail))))


def body_behind_an_answer(stage: Stage, w: Flow, fail: Fail) -> Flow:
    waits = stage.bodies.does(lambda ctx: failing(fail))
    return w.wait_for_event("event", waits)


BODIES: Mapping[str, Code] = {
    "a body": Code(body),
    "a body in a thread": Code(body_in_a_thread),
    "a body in a runner": Code(body_in_a_runner),
    "a body with a timeout": Code(body_with_a_time),
    "a body with attempts": Code(body_of_an_attempt),
    "a task of a body": Code(task_of_a_body, in_nursery=True),
    "the clean-up of a body": Code(clean_up_of_a_body),
    "a body in parallel with another": Code(arm),
    "the body of an item": Code(item),
    "the body of an arm whose failure is collected": Code(collected_arm, "success"),
    "the body of an item whose failure is collected": Code(collected_item, "success"),
    "a body with a fallback": Code(body_with_a_fallback, "success"),
    "the body of a loop": Code(iteration),
    "a body in a nested workflow": Code(body_in_a_nested_workflow),
    "a body that has waited": Code(body_behind_an_answer, event=True),
}
