"""Where in a workflow a value may stand, and what it may be nested in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import trio

from tests.properties.evolving.families import Family, Field
from trioflow import StepContext, Workflow, step

PLACES = ("input", "state", "state update", "output", "item", "payload", "answer")
"""What is recorded of a run that has a type."""
OWNERS = {
    "input": ("input", "workflow 'w'"),
    "state": ("initial state", "workflow 'w'"),
    "state update": ("state update", "gives'"),
    "output": ("output", "gives'"),
    "item": ("output", "makes'"),
    "payload": ("suspend payload", "asks'"),
    "answer": ("resume data", "asks'", "step 'core'"),  # which is resumed for the sake of asks
}
"""Of a value at each place: what it is called, and whose it is."""


@attrs.frozen
class Nesting:
    """What a value is nested in."""

    name: str
    type: Callable[[Any, Family], Any]
    value: Callable[[Any, Any], Any]
    """Makes a value of that type, of the type and what is in it."""

    def __str__(self) -> str:
        return self.name


def _holder(inner: Any, family: Family) -> Any:
    return family.make("Holder", [Field("held", inner)])


def _held(type_: Any, value: Any) -> Any:
    return {"held": value} if issubclass(type_, dict) else type_(held=value)


NESTINGS = (
    Nesting("nothing", lambda inner, family: inner, lambda type_, value: value),
    Nesting("a list", lambda inner, family: list[inner], lambda type_, value: [value, value]),  # type: ignore[valid-type]
    Nesting("a dict", lambda inner, family: dict[str, inner], lambda type_, value: {"k": value}),  # type: ignore[valid-type]
    Nesting("a tuple", lambda inner, family: tuple[int, inner], lambda type_, value: (1, value)),  # type: ignore[valid-type]
    Nesting("a union", lambda inner, family: inner | None, lambda type_, value: value),
    Nesting("a class", _holder, _held),
)


def build(
    place: str, type_: Any, value: Any, seen: dict[str, Any], is_nested: bool
) -> Workflow[Any, Any]:
    """Return the workflow, with a type at one place; its bodies keep what they see in *seen*.

    It asks two questions, waits for an event, and ends.
    """
    types: Mapping[str, Any] = {**dict.fromkeys(PLACES, Any), place: type_}

    def here(at: str) -> Any:
        return value if place == at else 0

    @step(output=types["output"])
    async def gives(given: Any, ctx: StepContext[Any]) -> Any:
        if place == "state update":
            ctx.set_state(held=value)
        return here("output")

    @step(output=types["item"])
    async def makes(item: Any) -> Any:
        return here("item")

    @step(resume=types["answer"], suspend=types["payload"])
    async def asks(given: Any, ctx: StepContext[Any]) -> Any:
        if ctx.resume_data is None:
            ctx.suspend(here("payload"))
        seen["answer"], seen["payload"] = ctx.resume_data, ctx.suspend_data
        await trio.sleep(10)
        return 0

    @step
    async def again(given: Any, ctx: StepContext[Any]) -> Any:
        if ctx.resume_data is None:
            ctx.suspend()
        return 0

    @step
    async def last(given: Any, ctx: StepContext[Any]) -> Any:
        seen["input"], seen["output"] = ctx.init_data, ctx.step_result(gives)
        (seen["item"],), seen["state"] = ctx.step_result(makes), ctx.state
        seen["state update"] = getattr(ctx.state, "held", None)
        return "end"

    def nodes(flow: Workflow[Any, Any]) -> Workflow[Any, Any]:
        flow = flow.then(gives).map(lambda given: [0]).foreach(makes).then(asks).then(again)
        return flow.wait_for_event("go", again.clone("goes")).then(last)

    outermost: Workflow[Any, Any] = Workflow(
        "w", input=types["input"], output=Any, state=_state(types)
    )
    if not is_nested:
        return nodes(outermost)
    return outermost.then(nodes(Workflow("core", input=types["input"], output=Any)))


def _state(types: Mapping[str, Any]) -> Any:
    if types["state update"] is Any:
        return types["state"]
    held = attrs.field(type=types["state update"] | None, default=None)
    return attrs.make_class("State", {"held": held})
