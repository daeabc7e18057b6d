"""Trials in which an output cannot be written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trioflow.context import StepContext
from trioflow.retry import Retry
from trioflow.steps import step
from trioflow.testing._isolation.bodies import Flow, flow
from trioflow.testing._isolation.code.code import raising
from trioflow.testing._isolation.places.place import Place
from trioflow.testing._isolation.plugin import Made
from trioflow.testing._isolation.stage import Stage


def output(stage: Stage, w: Flow, value: Any) -> Flow:
    return w.then(stage.bodies.gives(value))


def output_of_an_attempt(stage: Stage, w: Flow, value: Any) -> Flow:
    return w.then(stage.bodies.gives(value, retry=Retry(3), timeout=600))


def output_in_a_thread(stage: Stage, w: Flow, value: Any) -> Flow:
    @step
    def blocks(given: Any, ctx: StepContext[Any]) -> Any:
        stage.bodies.made[ctx.run_id] += 1
        return value

    return w.then(blocks)


def output_with_state(stage: Stage, w: Flow, value: Any) -> Flow:
    def do(ctx: StepContext[Any]) -> Any:
        ctx.set_state(a=1)
        ctx.runtime_context["a"] = 1
        return value

    return w.then(stage.bodies.does(do))


def output_of_an_arm(stage: Stage, w: Flow, value: Any) -> Flow:
    return w.parallel(stage.bodies.gives(value), stage.bodies.gives(1, "other"))


def output_of_a_branch(stage: Stage, w: Flow, value: Any) -> Flow:
    return w.branch((lambda data: True, stage.bodies.gives(value)))


def output_of_an_iteration(stage: Stage, w: Flow, value: Any) -> Flow:
    return w.dowhile(stage.bodies.gives(value), lambda data: False)


def output_of_an_item(stage: Stage, w: Flow, value: Any) -> Flow:
    items = w.map(lambda data: [1, 2, 3])
    return items.foreach(stage.bodies.gives(value), concurrency=2, on_error="finish")


def output_of_an_item_of_workflows(stage: Stage, w: Flow, value: Any) -> Flow:
    inner = flow("inner", output=Made).then(stage.bodies.gives(stage.hidden(value)))
    return w.map(lambda data: [1, 2]).foreach(inner, concurrency=2)


def collected_output_of_an_item(stage: Stage, w: Flow, value: Any) -> Flow:
    items = w.map(lambda data: [1, 2, 3])
    return items.foreach(stage.bodies.gives(value), concurrency=2, on_error="collect")


def collected_output_of_an_arm(stage: Stage, w: Flow, value: Any) -> Flow:
    gives, other = stage.bodies.gives(value), stage.bodies.gives(1, "other")
    return w.parallel(gives, other, on_error="collect")


def output_of_a_fallback(stage: Stage, w: Flow, value: Any) -> Flow:
    return w.then(stage.bodies.does(raising, fallback=lambda error: value))


def output_of_a_fallback_of_an_item(stage: Stage, w: Flow, value: Any) -> Flow:
    falls_back = stage.bodies.does(raising, fallback=lambda error: value)
    return w.map(lambda data: [1, 2, 3]).foreach(falls_back, concurrency=2)


def output_of_a_mapping(stage: Stage, w: Flow, value: Any) -> Flow:
    return w.map(lambda data: value)


def part_of_a_mapping(stage: Stage, w: Flow, value: Any) -> Flow:
    return w.map({"part": lambda data: value})


def output_of_a_nested_workflow(stage: Stage, w: Flow, value: Any) -> Flow:
    inner = flow("inner", output=Made).then(stage.bodies.gives(stage.hidden(value)))
    return w.then(inner)


def output_of_the_workflow(stage: Stage, w: Flow, value: Any) -> Flow:
    return flow(w.id, output=Made).then(stage.bodies.gives(stage.hidden(value)))


def bail(stage: Stage, w: Flow, value: Any) -> Flow:
    return w.then(stage.bodies.does(lambda ctx: ctx.bail(value)))


def bail_in_a_nested_workflow(stage: Stage, w: Flow, value: Any) -> Flow:
    return w.then(flow("inner").then(stage.bodies.does(lambda ctx: ctx.bail(value))))


OUTPUTS: Mapping[str, Place] = {
    "the output of a step": Place(output),
    "the output of one of several attempts": Place(output_of_an_attempt),
    "the output of a step in a thread": Place(output_in_a_thread),
    "the output of a step that has changed the state": Place(output_with_state),
    "the output of an arm": Place(output_of_an_arm),
    "the output of a branch": Place(output_of_a_branch),
    "the output of an iteration": Place(output_of_an_iteration),
    "the output of an item": Place(output_of_an_item),
    "the output of an item that is a workflow": Place(output_of_an_item_of_workflows),
    "the output of an item, collected": Place(collected_output_of_an_item, in_store="success"),
    "the output of an arm, collected": Place(collected_output_of_an_arm, in_store="success"),
    "the output of a fallback": Place(output_of_a_fallback),
    "the output of a fallback of an item": Place(output_of_a_fallback_of_an_item),
    "the output of a mapping": Place(output_of_a_mapping),
    "a part of the output of a mapping": Place(part_of_a_mapping),
    "the output of a nested workflow": Place(output_of_a_nested_workflow),
    "the output of the workflow": Place(output_of_the_workflow),
    "the output of a step that bails": Place(bail),
    "the output of a nested step that bails": Place(bail_in_a_nested_workflow),
}
