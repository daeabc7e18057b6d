"""Values that answer a suspended run, or are passed to a fork."""

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
    if await g.refuses(lambda: run.resume(g.value)):
        await run.resume(1)
    return run


async def answer_to_a_submitted_run(g: Giver) -> AnyRun:
    run = g.engine.submit(g.flow, 1, run_id=g.flow.id)
    await run.wait()
    if await g.refuses(lambda: run.resume(g.value)):
        await run.resume(1)
    return run


async def answer_in_a_stream(g: Giver) -> AnyRun:
    run = await g.suspended()

    async def stream(value: Any) -> None:
        async with run.resume_stream(value) as events:
            await events.get_workflow_state()

    if await g.refuses(lambda: stream(g.value)):
        await stream(1)
    return run


async def answer_of_a_hook(g: Giver) -> AnyRun:
    run, hidden = await g.suspended(), g.stage.hidden(g.value)
    if await g.refuses(lambda: run.resume(hidden)):
        await run.resume(1)
    return run


async def context_with_an_answer(g: Giver) -> AnyRun:
    run = await g.suspended()
    if await g.refuses(lambda: run.resume(1, runtime_context={"a": g.value})):
        await run.resume(1)
    return run


def two(stage: Stage, w: Flow) -> Flow:
    return w.then(stage.bodies.gives(1, "first")).then(stage.bodies.asks())


async def forking(g: Giver, **given: Any) -> AnyRun:
    run = await g.suspended()

    async def fork(number: int, **given: Any) -> None:
        options = {"resume_data": 1, "run_id": f"{g.flow.id}-{number}", **given}
        result = await (await run.fork("asks", **options)).start()
        assert result.status == "success"

    if await g.refuses(lambda: fork(1, **given)):
        await fork(2)
    await run.resume(1)
    return run


async def input_for_forking(g: Giver) -> AnyRun:
    return await forking(g, input_data=g.value)


async def answer_for_forking(g: Giver) -> AnyRun:
    return await forking(g, resume_data=g.value)


async def output_for_forking(g: Giver) -> AnyRun:
    return await forking(g, context={"first": g.value})


ANSWERING: Mapping[str, Gift] = {
    "an answer": Gift(asks, answer),
    "an answer to a submitted run": Gift(asks, answer_to_a_submitted_run),
    "an answer in a stream": Gift(asks, answer_in_a_stream),
    "an answer that a hook makes": Gift(asks_for_what_a_hook_makes, answer_of_a_hook),
    "the runtime context of an answer": Gift(asks, context_with_an_answer),
    "an input for a fork": Gift(two, input_for_forking),
    "an answer for a fork": Gift(two, answer_for_forking),
    "an output for a fork": Gift(two, output_for_forking),
}
