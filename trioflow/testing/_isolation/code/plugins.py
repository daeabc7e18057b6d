"""Trials in which hooks of converters, validators and instruments raise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import attrs

from trioflow.retry import Retry
from trioflow.testing._isolation.bodies import Flow, flow, takes
from trioflow.testing._isolation.code.code import Code, Fail, raising, yields_and_raises
from trioflow.testing._isolation.plugin import Made, Moment, Written
from trioflow.testing._isolation.stage import Stage
from trioflow.tools import tool


def hook_of_an_input(stage: Stage, w: Flow, fail: Fail) -> Flow:
    name = stage.meddler.made_by(fail)
    return w.map(lambda data: name).then(stage.bodies.takes(Made))


def hook_of_an_input_with_a_time(stage: Stage, w: Flow, fail: Fail) -> Flow:
    name = stage.meddler.made_by(fail)
    return w.map(lambda data: name).then(stage.bodies.takes(Made, timeout=600))


def hook_of_an_item(stage: Stage, w: Flow, fail: Fail) -> Flow:
    names = [stage.meddler.made_by(fail)]
    return w.map(lambda data: names).foreach(stage.bodies.takes(Made))


def hook_of_an_argument(stage: Stage, w: Flow, fail: Fail) -> Flow:
    name = stage.meddler.made_by(fail)

    @tool
    async def wants(given: Made) -> None:
        """Do nothing; never called."""

    return w.then(stage.bodies.does(lambda ctx: ctx.call_tool(wants, cast(Made, name))))


def hook_of_the_output(stage: Stage, w: Flow, fail: Fail) -> Flow:
    name = stage.meddler.made_by(fail)
    return flow(w.id, output=Made).then(stage.bodies.gives(name))


def hook_of_the_state(stage: Stage, w: Flow, fail: Fail) -> Flow:
    name = stage.meddler.made_by(fail)
    sets = stage.bodies.does(lambda ctx: ctx.set_state(a=name))
    return flow(w.id, state=dict[str, Made]).then(sets)


def hook_of_a_payload(stage: Stage, w: Flow, fail: Fail) -> Flow:
    return w.then(stage.bodies.asks(stage.meddler.made_by(fail), suspend=Made))


def hook_of_an_event(stage: Stage, w: Flow, fail: Fail) -> Flow:
    return w.wait_for_event("event", stage.bodies.gives(1, resume=Made))


def hook_of_an_event_in_a_body(stage: Stage, w: Flow, fail: Fail) -> Flow:
    return w.then(stage.bodies.does(lambda ctx: ctx.wait_for("event", Made)))


def hook_that_writes(stage: Stage, w: Flow, fail: Fail) -> Flow:
    return w.then(stage.bodies.gives(Written(fail)))


def hook_that_writes_an_item(stage: Stage, w: Flow, fail: Fail) -> Flow:
    return w.map(lambda data: [1, 2]).foreach(stage.bodies.gives(Written(fail)), concurrency=2)


def hook_that_writes_state(stage: Stage, w: Flow, fail: Fail) -> Flow:
    return w.then(stage.bodies.does(lambda ctx: ctx.set_state(a=Written(fail))))


def hook_that_writes_context(stage: Stage, w: Flow, fail: Fail) -> Flow:
    value = Written(fail)
    return w.then(stage.bodies.does(lambda ctx: ctx.runtime_context.update(a=value)))


def validator(stage: Stage, w: Flow, fail: Fail) -> Flow:
    @attrs.frozen
    class Checked:
        a: int = attrs.field(validator=lambda *_: fail())

    return w.map(lambda data: {"a": 1}).then(stage.bodies.takes(Checked))


def validator_of_the_state(stage: Stage, w: Flow, fail: Fail) -> Flow:
    def check(instance: object, attribute: object, value: int) -> None:
        if value:
            fail()

    @attrs.frozen
    class Checked:
        a: int = attrs.field(default=0, validator=check)

    sets = stage.bodies.does(lambda ctx: ctx.set_state(a=1))
    return flow(w.id, state=Checked).then(sets)


def class_of_a_retry(stage: Stage, w: Flow, fail: Fail) -> Flow:
    class Asked(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return bool(fail())

    class Odd(Exception, metaclass=Asked):  # noqa: N818 - never raised
        """A class whose ``isinstance`` check raises."""

    retry = Retry(3, on=(Odd,))
    return w.then(stage.bodies.does(raising, retry=retry))


def instrument(moment: Moment) -> Callable[[Stage, Flow, Fail], Flow]:
    def build(stage: Stage, w: Flow, fail: Fail) -> Flow:
        stage.meddler.watches[w.id, moment] = fail
        yields = yields_and_raises(lambda: None)
        nested = flow("inner").then(takes)
        return w.then(nested).then(stage.bodies.does(lambda ctx: ctx.call_tool(yields)))

    return build


PLUGINS: Mapping[str, Code] = {
    "a hook that structures an input": Code(hook_of_an_input),
    "a hook that structures the input of an attempt": Code(hook_of_an_input_with_a_time),
    "a hook that structures an item": Code(hook_of_an_item),
    "a hook that structures an argument": Code(hook_of_an_argument),
    "a hook that structures the output": Code(hook_of_the_output),
    "a hook that structures state": Code(hook_of_the_state),
    "a hook that structures a payload": Code(hook_of_a_payload),
    "a hook that structures an event": Code(hook_of_an_event, event=True),
    "a hook that structures an event in a body": Code(hook_of_an_event_in_a_body, event=True),
    "a hook that writes an output": Code(hook_that_writes, is_written=True),
    "a hook that writes the output of an item": Code(hook_that_writes_an_item, is_written=True),
    "a hook that writes state": Code(hook_that_writes_state, is_written=True),
    "a hook that writes the runtime context": Code(hook_that_writes_context, is_written=True),
    "a validator": Code(validator),
    "a validator of the state": Code(validator_of_the_state),
    "the class of a retry": Code(class_of_a_retry),
    "an instrument at the start": Code(instrument("on_begin"), "success"),
    "an instrument at an event": Code(instrument("on_event"), "success"),
    "an instrument before a body": Code(instrument("around_body"), "success"),
    "an instrument that enters a body": Code(instrument("enter"), "success"),
    "an instrument that exits a body": Code(instrument("exit"), "success"),
}
