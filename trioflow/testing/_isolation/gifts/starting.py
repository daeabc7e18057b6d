"""Values that a run is started with, and events that are sent to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trioflow.events import StepWaiting
from trioflow.testing._isolation.bodies import Flow, flow
from trioflow.testing._isolation.gifts.gift import AnyRun, Gift, Giver
from trioflow.testing._isolation.plugin import Made
from trioflow.testing._isolation.stage import Stage
from trioflow.tracing import TracingOptions


def does(stage: Stage, w: Flow) -> Flow:
    return w.then(stage.bodies.gives(1))


async def input_of_start(g: Giver) -> AnyRun:
    run = g.create()
    if await g.refuses(lambda: run.start(g.value)):
        await run.start(1)
    return run


async def input_of_stream(g: Giver) -> AnyRun:
    run = g.create()

    async def stream(value: Any) -> None:
        async with run.stream(value) as events:
            await events.get_workflow_state()

    if await g.refuses(lambda: stream(g.value)):
        await stream(1)
    return run


async def input_of_submit(g: Giver) -> AnyRun:
    def submit(value: Any) -> AnyRun:
        return g.engine.submit(g.flow, value, run_id=g.flow.id)

    if await g.refuses(lambda: submit(g.value)):
        return submit(1)
    return g.engine.get_run(g.flow.id)


async def initial_state(g: Giver) -> AnyRun:
    run = g.create()
    if await g.refuses(lambda: run.start(1, initial_state={"a": g.value})):
        await run.start(1, initial_state={"a": 1})
    return run


def with_made_state(stage: Stage, w: Flow) -> Flow:
    return flow(w.id, state=dict[str, Made]).then(stage.bodies.gives(1))


async def initial_state_of_a_hook(g: Giver) -> AnyRun:
    run, hidden = g.create(), g.stage.hidden(g.value)
    if await g.refuses(lambda: run.start(1, initial_state={"a": hidden})):
        await run.start(1, initial_state={})
    return run


async def context(g: Giver) -> AnyRun:
    run = g.create()
    if await g.refuses(lambda: run.start(1, runtime_context={"a": g.value})):
        await run.start(1, runtime_context={"a": 1})
    return run


async def metadata(g: Giver) -> AnyRun:
    run = g.create()
    options = TracingOptions({"a": g.value})
    if await g.refuses(lambda: run.start(1, tracing_options=options)):
        await run.start(1)
    return run


def waits(stage: Stage, w: Flow) -> Flow:
    return w.wait_for_event("event", stage.bodies.gives(1))


async def until_it_waits(run: AnyRun) -> None:
    """Wait until a step of a run waits for an event."""
    async with run.observe() as events:
        async for event in events:
            if isinstance(event, StepWaiting):
                return


async def event(g: Giver) -> AnyRun:
    run = g.engine.submit(g.flow, 1, run_id=g.flow.id)
    await until_it_waits(run)
    if await g.refuses(lambda: run.send_event("event", g.value)):
        run.send_event("event", 1)
    return run


async def event_before_the_start(g: Giver) -> AnyRun:
    run = g.create()
    if await g.refuses(lambda: run.send_event("event", g.value)):
        run.send_event("event", 1)
    await run.start(1)
    return run


STARTING: Mapping[str, Gift] = {
    "the input": Gift(does, input_of_start),
    "the input of a stream": Gift(does, input_of_stream),
    "the input of a submitted run": Gift(does, input_of_submit),
    "the state": Gift(does, initial_state),
    "a state that a hook makes": Gift(with_made_state, initial_state_of_a_hook),
    "the runtime context": Gift(does, context),
    "metadata": Gift(does, metadata),
    "an event": Gift(waits, event),
    "an event before the start": Gift(waits, event_before_the_start),
}
