"""Promises about reading: what is passed on, and what is made of JSON and of other objects."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import attrs

from trioflow._values.structure import fields_of, type_name
from trioflow.testing._converters.bench import Bench, Promise, expect, expect_same
from trioflow.testing._converters.each import of_each_value, of_values
from trioflow.testing._converters.values import shortened


def each_converter_gets_the_hooks(bench: Bench) -> None:
    """Check the converter of a second engine."""
    for each in bench.types:
        for given, value in each.readings():
            made = bench.take(each.type, given, bench.other)
            expect(made, value, f"what a second converter makes of {shortened(given)}")


def what_fits_is_passed_on(bench: Bench) -> None:
    """Check instances, also those of subclasses, and what was made of JSON just before."""
    _check_passed_on_all(bench)
    for each in bench.types:
        for value in each.passes:
            _check_passed_on(bench, each.type, value)


def _check_passed_on(bench: Bench, type_: Any, value: Any) -> None:
    expect_same(bench.take(type_, value), value, f"what {type_name(type_)} makes of a value")


_check_passed_on_all = of_each_value(_check_passed_on)


def json_is_structured(bench: Bench) -> None:
    """Check what is made of JSON, and of JSON with instances in it."""
    for each in bench.types:
        for given, value in each.readings():
            made = bench.take(each.type, given)
            expect(made, value, f"what {type_name(each.type)} makes of {shortened(given)}")


def has_named_fields(bench: Bench, value: Any) -> bool:
    """Tell whether a value is known by its fields: it has some, and is written as an object."""
    return fields_of(value) is not None and isinstance(bench.write(value), dict)


def objects_with_the_same_fields_are_structured(bench: Bench) -> None:
    """Check that a step gets its own class made of another one."""
    for each in bench.types:
        for value in () if each.opaque else each.fitting():
            if has_named_fields(bench, value):
                _check_others(bench, each.type, value, fields_of(value) or {})


def _check_others(bench: Bench, type_: Any, value: Any, fields: dict[str, Any]) -> None:
    by_attrs = attrs.make_class("ByAttrs", {name: attrs.field(type=Any) for name in fields})
    by_dataclass = dataclasses.make_dataclass("ByDataclass", list(fields))
    name = type_name(type_)
    other = by_attrs(*fields.values())
    for given in (fields, other, by_dataclass(*fields.values())):
        expect(bench.take(type_, given), value, f"what {name} makes of {shortened(given)}")
    expect(bench.take(by_attrs, value), other, f"what another class makes of a {name}")


def instances_stand_in_json(bench: Bench) -> None:
    """Check JSON in which the value of one field is there already."""
    for each in bench.types:
        if not each.opaque:
            check = functools.partial(_check_mixed, bench, each.type)
            of_values(bench, each, check)


def _check_mixed(bench: Bench, type_: Any, value: Any) -> None:
    if not has_named_fields(bench, value):
        return
    written = bench.write(value)
    for name, field in (fields_of(value) or {}).items():
        if name not in written:  # it has another name there
            continue
        made = bench.take(type_, {**written, name: field})
        expect(made, value, f"what {type_name(type_)} makes of JSON and an instance as {name!r}")
        if not isinstance(field, MADE_ANEW):
            expect_same(getattr(made, name), field, f"{name!r} of that")


MADE_ANEW = (str, int, float, list, tuple, dict, set, frozenset)
"""What has no identity that counts; of containers only the items are passed on."""


PROMISES = (
    Promise("what fits is passed on, the very object", what_fits_is_passed_on),
    Promise("JSON is structured", json_is_structured),
    Promise("each converter gets the hooks", each_converter_gets_the_hooks),
)
MIXED = (
    Promise("instances stand in JSON and are passed on", instances_stand_in_json),
    Promise(
        "objects with the same fields are structured into each other",
        objects_with_the_same_fields_are_structured,
    ),
)
"""What builds on what is written."""
