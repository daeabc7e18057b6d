"""What authors say of their types, and what check_converter makes of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, NotRequired, TypedDict

import pytest
from attrs import frozen
from cattrs import Converter
from hypothesis import strategies as st

from tests.records import Good, Point
from trioflow import hookimpl
from trioflow.errors import Fault, PluginHookError
from trioflow.testing import ConverterContractError, TypeExamples, check_converter
from trioflow.validation import wrong_type

pytestmark = pytest.mark.slow


# ---------------------------------------------------------------- trioflow's own types
class Color(Enum):
    RED = "red"
    BLUE = "blue"


@frozen
class City:
    name: str
    people: int = 0


@dataclass(frozen=True)
class Place:
    city: City
    at: datetime
    color: Color = Color.RED
    tags: frozenset[str] = frozenset()


class Keys(TypedDict):
    a: int
    b: NotRequired[float]


def test_types_of_trioflow_itself_are_what_plugins_must_be_like() -> None:
    oslo = City("Oslo", 5)
    check_converter(
        None,
        TypeExamples(
            City,
            values=[oslo],
            reads=[({"name": "Oslo"}, City("Oslo"))],
            refuses=[
                ({"people": "5", "x": 1}, "name", "people: expected int, received str", "x"),
                (5, "value: expected City, received int"),
            ],
        ),
        TypeExamples(
            Place,
            values=[Place(oslo, datetime(2026, 1, 2, tzinfo=UTC), tags=frozenset({"b", "a"}))],
        ),
        TypeExamples(Keys, values=[{"a": 1}, {"a": 1, "b": 1.5}]),
        TypeExamples(City | int | None, values=[oslo, 1, None]),
        TypeExamples(dict[str, Decimal], values=[{"a": Decimal("1.5")}]),
        TypeExamples(tuple[int, str], values=[(1, "a")]),
        TypeExamples(
            list[City],
            values=[[oslo]],
            generated=st.lists(st.builds(City, st.text(), st.integers())),
            generated_json=st.lists(st.dictionaries(st.sampled_from(["name", "x"]), st.text())),
        ),
    )


# ---------------------------------------------------------------- what authors say
class Rounds(Good):
    """Makes whole numbers of others, drops unknown keys, and wants mappings."""

    def part(self, item: Any, type_: Any, *rest: Any) -> Any:
        return super().part(int(item) if isinstance(item, float) else item, type_, *rest)

    def unknown(self, keys: Iterable[str]) -> Iterable[Fault]:
        return ()

    def mapping(self, value: Any, cls: Any) -> Mapping[str, Any]:
        if not isinstance(value, Mapping):
            raise wrong_type(cls, value)
        return value


class SaysNothing(Good):
    """Describes a point as what has any x."""

    def describe(self, cls: Any) -> Any:
        return {"type": "object", "required": ["x"]}


class OnlySmall(Good):
    """Loses numbers that no example has."""

    def write(self, value: Any) -> Any:
        return {name: field if field != 77 else 0 for name, field in vars(value).items()}


def test_generated_values_are_tried_and_the_simplest_is_shown() -> None:
    points = st.builds(Point, x=st.sampled_from([1, 77]), y=st.integers(0, 5))

    with pytest.raises(ConverterContractError, match="read back as equal") as caught:
        check_converter(OnlySmall(), TypeExamples(Point, generated=points))

    assert "Point(x=77, y=0)" in caught.value.problem


def test_generated_json_is_tried() -> None:
    json = st.fixed_dictionaries({"x": st.integers() | st.none()})
    check_converter(Good(), TypeExamples(Point, values=[Point(x=1)], generated_json=json))

    with pytest.raises(ConverterContractError, match="valid under the schema is accepted"):
        check_converter(
            SaysNothing(),
            TypeExamples(Point, opaque=True, values=[Point(x=1)], generated_json=json),
        )


def test_variants_of_generated_values_are_tried() -> None:
    points = st.builds(Point, x=st.integers())

    with pytest.raises(ConverterContractError, match="nothing is coerced"):
        check_converter(Rounds(), TypeExamples(Point, generated=points))


class IsOdd(Good):
    """Has rules that no schema says."""

    def part(self, item: Any, type_: Any, name: str, faults: list[Fault], *rest: Any) -> Any:
        if item == "one":
            item = 1
        made = super().part(item, type_, name, faults, *rest)
        if made == 2:
            faults.append(Fault(name, "even"))
        return made


def test_what_the_schema_does_not_say_is_told_apart() -> None:
    odd: dict[str, Any] = {
        "also_reads": [({"x": "one"}, Point(x=1))],
        "also_refuses": [({"x": 2}, "x: even")],
    }
    check_converter(IsOdd(), TypeExamples(Point, **odd))

    for wrong, promise in (
        ({**odd, "reads": odd["also_reads"]}, "accepted JSON is valid under the schema"),
        (
            {**odd, "refuses": odd["also_refuses"]},
            "JSON that is valid under the schema is accepted",
        ),
    ):
        with pytest.raises(ConverterContractError) as caught:
            check_converter(IsOdd(), TypeExamples(Point, **wrong))
        assert caught.value.promise == promise


def test_nothing_is_derived_from_what_is_opaque() -> None:
    check_converter(Rounds(), TypeExamples(Point, values=[Point(x=1)], opaque=True))

    with pytest.raises(ConverterContractError):
        check_converter(Rounds(), TypeExamples(Point, values=[Point(x=1)]))


class WithoutSchemas:
    def __init__(self) -> None:
        self.good = Good()

    @hookimpl
    def trioflow_converter(self, converter: Converter) -> None:
        self.good.register(converter)


def test_a_plugin_need_not_describe_its_types() -> None:
    check_converter(WithoutSchemas(), *Good.types)


def test_faults_are_told_by_their_path_or_their_text_and_none_is_left_out() -> None:
    wrong = {"x": "1", "z": 1}
    for faults in (("x",), ("x", "['z']", "y"), ("x: expected int", "['z']"), ("x", "x")):
        point = TypeExamples(Point, values=[Point(x=1)], refuses=[(wrong, *faults)])
        with pytest.raises(ConverterContractError, match="with all its faults"):
            check_converter(Good(), point)


# ---------------------------------------------------------------- how it is called
class OnlySchemas:
    @hookimpl
    def trioflow_schema(self, type_: Any) -> Any:
        return None


class ReturnsSomething(Good):
    @hookimpl
    def trioflow_converter(self, converter: Converter) -> Any:
        return converter


def test_it_is_refused_what_cannot_be_checked() -> None:
    point = TypeExamples(Point, values=[Point(x=1)])

    with pytest.raises(ValueError, match="needs a type"):
        check_converter(Good())
    with pytest.raises(ValueError, match=r"no example value of .*Point"):
        TypeExamples(Point, refuses=[(5, "value")])
    with pytest.raises(TypeError, match="has no hook trioflow_converter"):
        check_converter(OnlySchemas(), point)
    with pytest.raises(PluginHookError, match="which is not used"):
        check_converter(ReturnsSomething(), point)


async def test_it_cannot_be_called_inside_of_trio() -> None:
    with pytest.raises(RuntimeError, match="plain def"):
        check_converter(Good(), *Good.types)


@pytest.mark.slow  # a new interpreter
def test_it_needs_hypothesis_only_for_strategies() -> None:
    code = (
        "import sys; from trioflow.testing import TypeExamples, check_converter; "
        "check_converter(None, TypeExamples(int, values=[1])); "
        "sys.exit('hypothesis' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
