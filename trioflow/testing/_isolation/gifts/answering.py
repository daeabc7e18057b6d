"""What a run that waits is answered with, and what one goes back with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trioflow.testing._isolation.bodies import Flow
from trioflow.testing._isolation.gifts.gift import AnyRun, Gift, Giver
from trioflow.testing._isolation.plugin import Made
from trioflow.testing._isolation.stage import Stage


def asks(stage: Stage, w: Flow) -> Flow:
    return w.then(stage.bodies.asks())


def asks_for_what_a_hook_makes(stage: Stage, w: Flow) -> Flow:
    return w.then(stage.bodies.asks(resume=Made))


async def answer(g: Giver) -> AnyRun:
    run = await g.suspended()
    if await g.refuses(lambda: run.resume(resume_data=g.value)):
        await run.resume(resume_data=1)
    return run


async def answer_to_a_submitted_run(g: Giver) -> AnyRun:
    run = g.engine.submit(g.flow, 1, run_id=g.flow.id)
    await run.wait()
    if await g.refuses(lambda: run.resume(resume_data=g.value)):
        await run.resume(resume_data=1)
    return run


async def answer_in_a_stream(g: Giver) -> AnyRun:
    run = await g.suspended()

    async def stream(value: Any) -> None:
        async with run.resume_stream(resume_data=value) as events:
            await events.get_workflow_state()

    if await g.refuses(lambda: stream(g.value)):
        await stream(1)
    return run


async def answer_of_a_hook(g: Giver) -> AnyRun:
    run, hidden = await g.suspended(), g.stage.hidden(g.value)
    if await g.refuses(lambda: run.resume(resume_data=hidden)):
        await run.resume(resume_data=1)
    return run


async def context_with_an_answer(g: Giver) -> AnyRun:
    run = await g.suspended()
    if await g.refuses(lambda: run.resume(resume_data=1, runtime_context={"a": g.value})):
        await run.resume(resume_data=1)
    return run


def two(stage: Stage, w: Flow) -> Flow:
    return w.then(stage.bodies.gives(1, "first")).then(stage.bodies.asks())


async def going_back(g: Giver, **given: Any) -> AnyRun:
    run = await g.suspended()

    async def back(number: int, **given: Any) -> None:
        options = {"resume_data": 1, "run_id": f"{g.flow.id}-{number}", **given}
        result = await run.time_travel("asks", **options)
        assert result.status == "success"

    if await g.refuses(lambda: back(1, **given)):
        await back(2)
    await run.resume(resume_data=1)
    return run


async def input_for_going_back(g: Giver) -> AnyRun:
    return await going_back(g, input_data=g.value)


async def answer_for_going_back(g: Giver) -> AnyRun:
    return await going_back(g, resume_data=g.value)


async def output_for_going_back(g: Giver) -> AnyRun:
    return await going_back(g, context={"first": g.value})


ANSWERING: Mapping[str, Gift] = {
    "an answer": Gift(asks, answer),
    "an answer to a submitted run": Gift(asks, answer_to_a_submitted_run),
    "an answer in a stream": Gift(asks, answer_in_a_stream),
    "an answer that a hook makes": Gift(asks_for_what_a_hook_makes, answer_of_a_hook),
    "the runtime context of an answer": Gift(asks, context_with_an_answer),
    "an input for going back": Gift(two, input_for_going_back),
    "an answer for going back": Gift(two, answer_for_going_back),
    "an output for going back": Gift(two, output_for_going_back),
}
