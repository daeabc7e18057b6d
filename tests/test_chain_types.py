"""Chains that can never fit are refused when they are planned; all others are left to the run."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import attrs
import pytest

from trioflow import Step, Workflow, hookimpl, open_engine, step
from trioflow.errors import DefinitionError

Flow = Workflow[Any, Any]


@attrs.frozen
class Forecast:
    high: float


@attrs.frozen
class Detailed(Forecast):
    wind: float = 0.0


@attrs.frozen
class Same:
    high: float


@dataclasses.dataclass
class Plan:
    text: str


def gives(type_: Any) -> Step[Any, Any]:
    @step(id="gives", input=Any, output=type_)
    async def body(value: Any) -> Any:
        return value

    return body


def takes(type_: Any) -> Step[Any, Any]:
    @step(id="takes", input=type_, output=Any)
    async def body(value: Any) -> Any:
        return value

    return body


def chain(output: Any, input: Any) -> Flow:
    return Workflow[Any, Any]("w").then(gives(output)).then(takes(input))


NEVER = [
    (str, int),
    (int, str),
    (bool, list[int]),
    (float, dict[str, int]),
    (list[int], str),
    (list[int], dict[str, int]),
    (dict[str, int], list[int]),
    (dict[str, int], int),
    (str, Forecast),
    (list[str], Plan),
    (Forecast, int),
    (Forecast, Plan),
    (Plan, list[str]),
]
MAYBE = [
    (Forecast, Same),
    (int, float),
    (int, int),
    (str, bytes),
    (str, Any),
    (Any, int),
    (object, int),
    (int | str, int),
    (int, int | None),
    (dict[str, Any], Forecast),
    (dict[str, int], dict[str, str]),
    (list[int], list[str]),
    (list[int], tuple[str, ...]),
    (Forecast, Detailed),
    (Detailed, Forecast),
]


@pytest.mark.parametrize(("output", "input"), NEVER)
def test_what_never_fits_is_refused(output: Any, input: Any) -> None:
    with pytest.raises(
        DefinitionError, match=r"workflow 'w': step 'takes': it takes .*, and gets "
    ):
        chain(output, input).create_run()


@pytest.mark.parametrize(("output", "input"), MAYBE)
def test_what_may_fit_is_left_to_the_run(output: Any, input: Any) -> None:
    chain(output, input).create_run()


FLOW: Flow = Workflow[Any, Any]("w", input=int)
PLACES: dict[str, tuple[Flow, str]] = {
    "the input of the workflow": (FLOW.then(takes(str)), "int from the workflow's input"),
    "an arm": (FLOW.parallel(takes(str)), "int from the workflow's input"),
    "a choice": (FLOW.branch((lambda: True, takes(str))), "int from the workflow's input"),
    "a loop": (FLOW.dountil(takes(str), lambda: True), "int from the workflow's input"),
    "behind arms": (FLOW.parallel(gives(int)).then(takes(int)), "dict from parallel"),
    "behind choices": (
        FLOW.branch((lambda: True, gives(int))).then(takes(int)),
        "dict from branch",
    ),
    "behind a loop": (FLOW.dowhile(gives(str), lambda: False).then(takes(int)), "'gives'"),
    "behind a sleep": (FLOW.then(gives(str)).sleep(1).then(takes(int)), "str from step 'gives'"),
    "behind a foreach": (
        FLOW.then(gives(list[int])).foreach(gives(int)).then(takes(int)),
        "list from foreach 'gives'",
    ),
    "an item": (
        FLOW.then(gives(list[str])).foreach(takes(int)),
        "str from an item of step 'gives'",
    ),
    "no list": (FLOW.foreach(takes(int)), "foreach takes a list, and gets int"),
    "a nested workflow": (
        FLOW.then(Workflow[Any, Any]("inner", input=str).then(takes(str))),
        "workflow 'inner': it takes str, and gets int",
    ),
    "behind an event": (FLOW.wait_for_event("e", gives(str)).then(takes(int)), "'gives'"),
}


@pytest.mark.parametrize("place", PLACES)
def test_it_is_found_everywhere(place: str) -> None:
    workflow, said = PLACES[place]

    with pytest.raises(DefinitionError, match=said):
        workflow.create_run()


LEFT: dict[str, Callable[[], Flow]] = {
    "behind a mapping": lambda: FLOW.map(lambda data: data).then(takes(str)),
    "a loop that may end at once": lambda: FLOW.dountil(chain_of(int, str), lambda: True),
    "without validation": lambda: Workflow[Any, Any]("w", input=int, validate=False).then(
        takes(str)
    ),
}


def chain_of(input: Any, output: Any) -> Step[Any, Any]:
    @step(id="both", input=input, output=output)
    async def body(value: Any) -> Any:
        return value

    return body


@pytest.mark.parametrize("which", LEFT)
def test_what_is_not_known_is_left_to_the_run(which: str) -> None:
    LEFT[which]().create_run()


async def test_a_converter_of_a_plugin_may_make_it_fit() -> None:
    class Plugin:
        @hookimpl
        def trioflow_converter(self, converter: Any) -> None:
            converter.register_structure_hook(int, lambda value, _: int(value))

    async with open_engine(plugins=[Plugin()]) as engine:
        engine.create_run(chain(str, int))


async def test_a_hook_that_refuses_the_samples_may_take_other_values() -> None:
    def parse(value: Any, _: Any) -> Forecast:
        if isinstance(value, Plan):
            return Forecast(float(value.text))
        return Forecast(float(value.removesuffix(" degrees")))

    class Plugin:
        @hookimpl
        def trioflow_converter(self, converter: Any) -> None:
            converter.register_structure_hook(Forecast, parse)

    async with open_engine(plugins=[Plugin()]) as engine:
        engine.create_run(chain(str, Forecast))
        engine.create_run(chain(Plan, Forecast))


def test_a_class_without_instances_is_not_judged() -> None:
    @attrs.define
    class Abstract(ABC):
        @abstractmethod
        def method(self) -> None: ...

    @attrs.define
    class Broken(Exception):  # noqa: N818 - a value here
        code: int

    chain(Abstract, int).create_run()
    chain(Broken, int).create_run()
