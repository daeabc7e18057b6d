"""Plugins that are broken in one way each: check_converter names the promise they break.

Each differs from a good one in one thing, and says in its docstring which promise that breaks.
"""

from __future__ import annotations

import copy
import sys
import types
import typing
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

import pytest
import trio
from cattrs import Converter
from hypothesis import strategies as st

from tests.records import Good, Line, Point, Stubborn, is_record
from trioflow import hookimpl
from trioflow.errors import Fault, FaultsError, NotSerializableError
from trioflow.testing import ConverterContractError, TypeExamples, check_converter
from trioflow.testing._converters import PROMISES
from trioflow.testing.strategies import JSON_KEYS, TypedValues, json_types
from trioflow.validation import wrong_type


def is_called_by(name: str) -> bool:
    """Tell whether a function of this name waits for the caller to return."""
    frame: types.FrameType | None = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == name:
            return True
        frame = frame.f_back
    return False


class TakesOver(Good):
    """types of others are not affected: it reads numbers, too, and is not so strict."""

    def register(self, converter: Converter) -> None:
        super().register(converter)
        converter.register_structure_hook(int, lambda value, _: int(value))


class WritesOthers(Good):
    """types of others are not affected: it writes dates in its own way."""

    def register(self, converter: Converter) -> None:
        super().register(converter)
        converter.register_unstructure_hook(date, date.toordinal)


class DescribesAll(Good):
    """types of others are not affected: it has a schema for classes that it does not know."""

    @hookimpl
    def trioflow_schema(self, type_: Any) -> Any:
        return {"type": "object"}


class Copies(Good):
    """a fitting value is passed through as the same object: a copy is passed on."""

    def read(self, value: Any, cls: Any, converter: Converter) -> Any:
        return copy.copy(super().read(value, cls, converter))


class RefusesSubclasses(Good):
    """a fitting value is passed through as the same object: subclasses are made anew."""

    def read(self, value: Any, cls: Any, converter: Converter) -> Any:
        if type(value) is not cls and isinstance(value, cls):
            value = vars(value)
        return super().read(value, cls, converter)


class TakesInstances(Good):
    """JSON is structured: it is refused."""

    def mapping(self, value: Any, cls: Any) -> Mapping[str, Any]:
        raise wrong_type(cls, value)


class ForgetsDefaults(Good):
    """JSON is structured: what is not given is None."""

    def read(self, value: Any, cls: Any, converter: Converter) -> Any:
        made = super().read(value, cls, converter)
        if isinstance(value, dict) and cls is Point:
            made.y = value.get("y")
        return made


class RegistersOnce(Good):
    """every converter gets the hooks: only the first one does."""

    done = False

    def register(self, converter: Converter) -> None:
        if not self.done:
            super().register(converter)
        self.done = True


class CopiesParts(Good):
    """instances in JSON are passed through: they are copied."""

    def part(self, item: Any, *rest: Any) -> Any:
        return super().part(copy.copy(item), *rest)


class WantsMappings(Good):
    """objects with the same fields can be converted: only mappings are."""

    def mapping(self, value: Any, cls: Any) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise wrong_type(cls, value)
        return value


class WritesObjects(Good):
    """values are written as plain JSON: there is an object in it that is none."""

    def write(self, value: Any) -> Any:
        return {**vars(value), "x": object()}


class WritesByChance(Good):
    """values are written as plain JSON: each time another one."""

    count = 0

    def write(self, value: Any) -> Any:
        self.count += 1
        return {**vars(value), "count": self.count}


class WritesLess(Good):
    """written values are read back as equal values: a field is left out."""

    def write(self, value: Any) -> Any:
        return {name: field for name, field in vars(value).items() if name != "y"}


class WritesHandles(Good):
    """written values are read back as equal values: in the same engine only."""

    def register(self, converter: Converter) -> None:
        handles: list[Any] = []

        def read(value: Any, cls: Any) -> Any:
            if isinstance(value, int) and value < len(handles):
                return handles[value]
            return self.read(value, cls, converter)

        def write(value: Any) -> Any:
            if value not in handles:
                handles.append(value)
            return handles.index(value)

        converter.register_structure_hook_func(is_record, read)
        converter.register_unstructure_hook_func(is_record, write)


class Parses(Good):
    """an unfitting value is refused with all its faults: "1" is 1."""

    def part(self, item: Any, type_: Any, *rest: Any) -> Any:
        if type_ is int and isinstance(item, str) and item.isdecimal():
            item = int(item)
        return super().part(item, type_, *rest)


class StopsAtTheFirst(Good):
    """an unfitting value is refused with all its faults: there is never more than one."""

    def read(self, value: Any, cls: Any, converter: Converter) -> Any:
        try:
            return super().read(value, cls, converter)
        except FaultsError as error:
            raise FaultsError(error.faults[:1]) from error


class RaisesAnything(Good):
    """an unfitting value is refused with all its faults: there is an error of its own instead."""

    def read(self, value: Any, cls: Any, converter: Converter) -> Any:
        try:
            return super().read(value, cls, converter)
        except FaultsError as error:
            raise ValueError(str(error)) from error


class LosesPlaces(Good):
    """faults have the correct paths: those of inner values have the path of the outer one."""

    def part(self, item: Any, type_: Any, name: str, faults: list[Fault], *rest: Any) -> Any:
        inner = "start" if name == "end" else name
        return super().part(item, type_, inner, faults, *rest)


class BlamesOthers(Good):
    """faults have the correct paths: what is missing is told of another key."""

    def read(self, value: Any, cls: Any, converter: Converter) -> Any:
        if cls is Point and isinstance(value, Mapping) and value.keys() == {"y"}:
            raise FaultsError((Fault("y", "required key is missing"),))
        return super().read(value, cls, converter)


class Rounds(Good):
    """nothing is coerced: whole numbers are made of others."""

    def part(self, item: Any, type_: Any, *rest: Any) -> Any:
        if type_ is int and isinstance(item, float):
            item = int(item)
        return super().part(item, type_, *rest)


class DropsUnknownKeys(Good):
    """unknown keys are refused or kept: they are dropped."""

    def unknown(self, keys: Iterable[str]) -> Iterable[Fault]:
        return ()


class DescribesNothing(Good):
    """schemas are complete and valid JSON Schema (draft 2020-12): there is no type of that name."""

    def describe(self, cls: Any) -> Any:
        return {**super().describe(cls), "type": "record"}


class RefersToNowhere(Good):
    """schemas are complete and valid JSON Schema (draft 2020-12): a reference leads nowhere."""

    def describe(self, cls: Any) -> Any:
        return {**super().describe(cls), "propertyNames": {"$ref": "#/$defs/names"}}


class DescribesTwice(Good):
    """a class is described once: it is described wherever it stands."""

    def describe(self, cls: Any) -> Any:
        described = super().describe(cls)
        if cls is Line:
            described["properties"] = dict.fromkeys(("start", "end"), super().describe(Point))
        return described


class ForgetsFields(Good):
    """written JSON is valid under the schema: a field is not in it."""

    def describe(self, cls: Any) -> Any:
        described = super().describe(cls)
        described["properties"].pop("y", None)
        return described


class DemandsAll(Good):
    """accepted JSON is valid under the schema: what has a default is said to be required."""

    def describe(self, cls: Any) -> Any:
        return {**super().describe(cls), "required": [*typing.get_type_hints(cls)]}


class DemandsNothing(Good):
    """JSON that is valid under the schema is accepted: the schema does not say what is required."""

    def describe(self, cls: Any) -> Any:
        return {**super().describe(cls), "required": []}


class SaysLess(Good):
    """JSON that is valid under the schema is accepted: the type of a field is missing."""

    def describe(self, cls: Any) -> Any:
        described = super().describe(cls)
        return {**described, "properties": described["properties"] | {"x": {}}}


class ReadsItsLists(Good):
    """values can be in containers and classes: a list of them is made anew."""

    def register(self, converter: Converter) -> None:
        super().register(converter)

        def read(value: Any, cls: Any) -> Any:
            return [self.read(item, typing.get_args(cls)[0], converter) for item in value]

        converter.register_structure_hook_func(lambda cls: cls in (list[Point], list[Line]), read)


class ReadsItsUnions(Good):
    """values can be in unions: one that is optional is not."""

    def register(self, converter: Converter) -> None:
        super().register(converter)

        def read(value: Any, cls: Any) -> Any:
            return self.read(value, typing.get_args(cls)[0], converter)

        converter.register_structure_hook_func(lambda cls: cls == Line | None, read)


class InRuns(Good):
    """values can be inputs and outputs of runs: there values are read in another way."""

    def is_wrong(self) -> bool:
        return trio.lowlevel.in_trio_run()

    def read(self, value: Any, cls: Any, converter: Converter) -> Any:
        made = super().read(value, cls, converter)
        is_wrong = made is not value and isinstance(made, Point) and self.is_wrong()
        return Point(x=made.x, y=-1) if is_wrong else made


class InSomeFunction(InRuns):
    """Reads in another way where a function of some name is at work."""

    function = ""

    def is_wrong(self) -> bool:
        return is_called_by(self.function)


class InTools(InSomeFunction):
    """values can be arguments and pieces of tools: an argument is another one."""

    function = "call_tool"


class InStates(InSomeFunction):
    """values can be part of a run's state: what is set is another one."""

    function = "set_state"


class IsStubborn(Good):
    """an instance with fields can be a run's state: its fields cannot be set."""

    types = (TypeExamples(Stubborn, values=[Stubborn(x=1), Stubborn(x=2)]),)


class InPayloads(InSomeFunction):
    """values can be payloads and answers: a payload is another one."""

    function = "suspend"


class InOtherEngines(InSomeFunction):
    """runs continue in another engine with equal values: what is loaded is another one."""

    function = "load_run"


POINTS = st.builds(Point, x=st.sampled_from([1, 77]), y=st.integers(0, 5))


class LosesRareNumbers(Good):
    """generated types are read, written and described alike: no example has the number it loses."""

    generated = st.just(TypedValues(Point, POINTS))

    def write(self, value: Any) -> Any:
        return {name: field if field != 77 else 0 for name, field in vars(value).items()}


def _is_broken(value: Any) -> bool:
    is_plugin = isinstance(value, type) and issubclass(value, Good)
    return is_plugin and value not in (Good, InSomeFunction)


BROKEN = [plugin for plugin in vars().copy().values() if _is_broken(plugin)]


@pytest.mark.parametrize("plugin", BROKEN, ids=lambda plugin: plugin.__name__)
def test_check_converter_names_the_promise_that_is_broken(plugin: type[Good]) -> None:
    with pytest.raises(ConverterContractError) as caught:
        check_converter(plugin(), *plugin.types, generated=plugin.generated)

    assert caught.value.promise == str(plugin.__doc__).partition(": ")[0], caught.value
    assert str(caught.value) == f"{caught.value.promise}: {caught.value.problem}"


def test_every_promise_has_a_plugin_that_breaks_it() -> None:
    promises = [promise.text for promise in PROMISES]

    assert len({*promises}) == len(promises)
    assert {str(plugin.__doc__).partition(": ")[0] for plugin in BROKEN} == {*promises}


def test_what_is_broken_in_no_way_passes() -> None:
    check_converter(Good(), *Good.types)


@pytest.mark.slow
def test_types_are_generated_of_those_of_the_plugin() -> None:
    points = TypedValues(Point, st.builds(Point, x=st.integers()), kinds=("object",))

    check_converter(Good(), generated=json_types([points], classes=(), keys=JSON_KEYS[:1]))


def test_the_error_of_a_hook_is_the_cause() -> None:
    with pytest.raises(
        ConverterContractError, match="NotSerializableError: x is a object"
    ) as caught:
        check_converter(WritesObjects(), *Good.types)

    assert isinstance(caught.value.__cause__, NotSerializableError)
