"""Promises about values inside others: in containers, in other classes, and in unions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypedDict, cast

import attrs

from trioflow._values.structure import join, type_name
from trioflow.testing._converters.bench import (
    Bench,
    Promise,
    Taken,
    expect,
    expect_same,
)
from trioflow.testing._converters.examples import TypeExamples
from trioflow.testing._converters.values import shortened, union_of


@attrs.frozen
class Spot:
    """A type that contains another one."""

    type: Any
    put: Callable[[Any], Any]
    """Returns a value of the type, given one of the inner type."""
    path: str
    """The path of the inner value."""
    put_json: Callable[[Any], Any]
    """Returns JSON of the type, given JSON of the inner type."""


def spots(inner: Any) -> Iterator[Spot]:
    """Yield types that contain a type, one of each kind."""

    def field(value: Any) -> Any:
        return {"item": value}

    by_attrs: Any = attrs.make_class("InAttrs", {"item": attrs.field(type=inner)}, frozen=True)
    by_dataclass: Any = dataclasses.make_dataclass("InDataclass", [("item", inner)], frozen=True)
    # Type checkers only accept names of types that they know.
    by_keys = cast("Any", TypedDict)("InTypedDict", {"item": inner})
    by_index = cast("Any", NamedTuple)("InNamedTuple", [("item", inner)])
    yield Spot(list[inner], lambda value: [value], "[0]", lambda json: [json])
    yield Spot(tuple[inner, ...], lambda value: (value,), "[0]", lambda json: [json])
    yield Spot(dict[str, inner], field, "['item']", field)
    yield Spot(by_attrs, by_attrs, "item", field)
    yield Spot(by_dataclass, by_dataclass, "item", field)
    yield Spot(by_keys, field, "item", field)
    yield Spot(by_index, by_index, "[0]", lambda json: [json])
    yield Spot(
        dict[str, list[by_attrs]],
        lambda value: {"a": [by_attrs(value)]},
        "['a'][0].item",
        lambda json: {"a": [field(json)]},
    )


@attrs.frozen
class Stranger:
    """A class that has nothing in common with other classes."""

    stranger: int


def unions(inner: Any) -> Iterator[Spot]:
    """Yield unions with a type, and a container of such a union."""

    def same(value: Any) -> Any:
        return value

    def listed(value: Any) -> Any:
        return [None, value]

    for arms in ((inner, None), (inner, Stranger, None), (None, Stranger, inner)):
        yield Spot(union_of(*arms), same, "", same)
    yield Spot(list_of(union_of(inner, None)), listed, "[1]", listed)


def list_of(item: Any) -> Any:
    """Return the type of lists of a type that is known only at run time."""
    return list[item]


def values_stand_in_containers(bench: Bench) -> None:
    """Check containers, and the kinds of classes that trioflow supports."""
    for each in bench.types:
        for spot in spots(each.type):
            _check_taken(bench, each, spot)
            _check_refused(bench, each, spot)


def values_stand_in_unions(bench: Bench) -> None:
    """Check optional values, and unions with other types before and after."""
    for each in bench.types:
        for spot in unions(each.type):
            _check_taken(bench, each, spot)
        name = type_name(each.type)
        optional = union_of(each.type, None)
        expect(bench.take(optional, None), None, f"None for an optional {name}")
        _check_refused(bench, each, Spot(optional, lambda value: value, "", lambda json: json))


def _check_taken(bench: Bench, each: TypeExamples, spot: Spot) -> None:
    name = type_name(spot.type)
    for value in (*each.fitting(), *each.passes):
        whole = spot.put(value)
        expect_same(bench.take(spot.type, whole), whole, f"{whole!r} as {name}")
    for given, value in each.readings():
        json, wanted = spot.put_json(given), spot.put(value)
        expect(bench.take(spot.type, json), wanted, f"{shortened(json)} as {name}")
    for value in each.fitting():
        whole = spot.put(value)
        written = bench.write(whole)
        wanted = spot.put_json(bench.write(value))
        expect(written, wanted, f"the written form of {name}")
        back = bench.take(spot.type, written, bench.other)
        expect(back, whole, f"{shortened(written)} read back as {name}")


def _check_refused(bench: Bench, each: TypeExamples, spot: Spot) -> None:
    for given, _ in each.refusals():
        alone, json = bench.read(each.type, given), spot.put_json(given)
        outcome = bench.read(spot.type, json)
        if isinstance(alone, Taken) or json is None:
            continue  # the former is reported elsewhere, the latter fits an optional type
        what = f"{shortened(json)} as {type_name(spot.type)}"
        if isinstance(outcome, Taken):
            raise AssertionError(f"{what} is accepted and becomes {shortened(outcome.value)}")
        wanted = {join(spot.path, path) for path in alone.paths}
        if outcome.paths != wanted:
            problem = f"expected faults at {wanted}, got faults at {outcome.paths}"
            raise AssertionError(f"{what}: {problem}")


PROMISES = (
    Promise("values can be in containers and classes", values_stand_in_containers),
    Promise("values can be in unions", values_stand_in_unions),
)
