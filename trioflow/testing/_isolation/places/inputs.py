"""Trials in which an input, the state or a payload cannot be written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import trio

from trioflow.context import StepContext
from trioflow.testing._isolation.bodies import Flow, flow
from trioflow.testing._isolation.places.place import Place
from trioflow.testing._isolation.plugin import Made
from trioflow.testing._isolation.stage import Stage


def input_of_a_step(stage: Stage, w: Flow, value: Any) -> Flow:
    inner = flow("inner", input=Made).then(stage.bodies.gives(1))
    return w.then(stage.bodies.gives(stage.hidden(value), "before")).then(inner)


def input_of_an_arm(stage: Stage, w: Flow, value: Any) -> Flow:
    arms = (stage.bodies.gives(1), stage.bodies.gives(2, "other"))
    inner = flow("inner", input=Made).parallel(*arms)
    return w.then(stage.bodies.gives(stage.hidden(value), "before")).then(inner)


def input_of_a_sleep(stage: Stage, w: Flow, value: Any) -> Flow:
    inner = flow("inner", input=Made).sleep(0).then(stage.bodies.gives(1))
    return w.then(stage.bodies.gives(stage.hidden(value), "before")).then(inner)


def input_of_a_wait(stage: Stage, w: Flow, value: Any) -> Flow:
    inner = flow("inner", input=Made).wait_for_event("event", stage.bodies.gives(1))
    return w.then(stage.bodies.gives(stage.hidden(value), "before")).then(inner)


def data_of_an_event(stage: Stage, w: Flow, value: Any) -> Flow:
    return w.wait_for_event("event", stage.bodies.gives(1, resume=Made))


def payload(stage: Stage, w: Flow, value: Any) -> Flow:
    return w.then(stage.bodies.asks(value))


def payload_of_an_item(stage: Stage, w: Flow, value: Any) -> Flow:
    return w.map(lambda data: [1, 2]).foreach(stage.bodies.asks(value), concurrency=2)


def payload_in_a_nested_workflow(stage: Stage, w: Flow, value: Any) -> Flow:
    return w.parallel(flow("inner").then(stage.bodies.asks(value)), stage.bodies.gives(1))


def payload_of_a_hook(stage: Stage, w: Flow, value: Any) -> Flow:
    return w.then(stage.bodies.asks(stage.hidden(value), suspend=Made))


def label(stage: Stage, w: Flow, value: Any) -> Flow:
    return w.then(stage.bodies.does(lambda ctx: ctx.suspend(label=value)))


def state(stage: Stage, w: Flow, value: Any) -> Flow:
    return w.then(stage.bodies.does(lambda ctx: ctx.set_state(a=value)))


def state_of_an_item(stage: Stage, w: Flow, value: Any) -> Flow:
    sets = stage.bodies.does(lambda ctx: ctx.set_state(a=value))
    return w.map(lambda data: [1, 2]).foreach(sets, concurrency=2)


def context(stage: Stage, w: Flow, value: Any) -> Flow:
    return w.then(stage.bodies.does(lambda ctx: ctx.runtime_context.update(a=value)))


def context_of_an_item(stage: Stage, w: Flow, value: Any) -> Flow:
    sets = stage.bodies.does(lambda ctx: ctx.runtime_context.update(a=value))
    return w.map(lambda data: [1, 2]).foreach(sets, concurrency=2)


def context_of_what_is_canceled(stage: Stage, w: Flow, value: Any) -> Flow:
    async def do(ctx: StepContext[Any]) -> None:
        ctx.runtime_context["a"] = value
        await trio.sleep_forever()

    async def fail(ctx: StepContext[Any]) -> None:
        raise ValueError("the other arm is canceled")

    return w.parallel(stage.bodies.does(do), stage.bodies.does(fail, "fails"))


def reason(stage: Stage, w: Flow, value: Any) -> Flow:
    return w.then(stage.bodies.does(lambda ctx: ctx.cancel_run(value)))


INPUTS: Mapping[str, Place] = {
    "the input of a step": Place(input_of_a_step),
    "the input of an arm": Place(input_of_an_arm),
    "the input of a sleep": Place(input_of_a_sleep),
    "the input of a wait": Place(input_of_a_wait, event=True),
    "the data of an event": Place(data_of_an_event, event=True),
    "a payload": Place(payload, "suspended"),
    "the payload of an item": Place(payload_of_an_item, "suspended"),
    "a payload in a nested workflow": Place(payload_in_a_nested_workflow, "suspended"),
    "a payload that a hook makes": Place(payload_of_a_hook, "suspended"),
    "a label": Place(label, "failed"),
    "the state": Place(state),
    "the state, from an item": Place(state_of_an_item),
    "the runtime context": Place(context),
    "the runtime context, from an item": Place(context_of_an_item),
    "the runtime context, from a step that is canceled": Place(
        context_of_what_is_canceled, "failed"
    ),
    "the reason why a step cancels its run": Place(reason, "failed"),
}
