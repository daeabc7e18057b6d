"""Promises about reading: values that pass through, JSON, and objects of other classes."""

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
            expect(made, value, f"{shortened(given)} read by a second converter")


def what_fits_is_passed_on(bench: Bench) -> None:
    """Check instances, including those of subclasses and those structured from JSON."""
    _check_passed_on_all(bench)
    for each in bench.types:
        for value in each.passes:
            _check_passed_on(bench, each.type, value)


def _check_passed_on(bench: Bench, type_: Any, value: Any) -> None:
    expect_same(bench.take(type_, value), value, f"a value read as {type_name(type_)}")


_check_passed_on_all = of_each_value(_check_passed_on)


def json_is_structured(bench: Bench) -> None:
    """Check JSON, and JSON with instances in it."""
    for each in bench.types:
        for given, value in each.readings():
            made = bench.take(each.type, given)
            expect(made, value, f"{shortened(given)} read as {type_name(each.type)}")


def has_named_fields(bench: Bench, value: Any) -> bool:
    """Return whether a value has fields and is written as an object."""
    return fields_of(value) is not None and isinstance(bench.write(value), dict)


def objects_with_the_same_fields_are_structured(bench: Bench) -> None:
    """Check that a step gets its own class if another one has the same fields."""
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
        expect(bench.take(type_, given), value, f"{shortened(given)} read as {name}")
    expect(bench.take(by_attrs, value), other, f"a {name} read as another class")


def instances_stand_in_json(bench: Bench) -> None:
    """Check JSON in which one field is already an instance."""
    for each in bench.types:
        if not each.opaque:
            check = functools.partial(_check_mixed, bench, each.type)
            of_values(bench, each, check)


def _check_mixed(bench: Bench, type_: Any, value: Any) -> None:
    if not has_named_fields(bench, value):
        return
    written = bench.write(value)
    for name, field in (fields_of(value) or {}).items():
        if name not in written:  # the field has another name in JSON
            continue
        made = bench.take(type_, {**written, name: field})
        expect(made, value, f"JSON with an instance as {name!r}, read as {type_name(type_)}")
        if not isinstance(field, MADE_ANEW):
            expect_same(getattr(made, name), field, f"field {name!r} of that value")


MADE_ANEW = (str, int, float, list, tuple, dict, set, frozenset)
"""Types whose identity does not matter; containers are rebuilt from their items."""


PROMISES = (
    Promise("a fitting value is passed through as the same object", what_fits_is_passed_on),
    Promise("JSON is structured", json_is_structured),
    Promise("every converter gets the hooks", each_converter_gets_the_hooks),
)
MIXED = (
    Promise("instances in JSON are passed through", instances_stand_in_json),
    Promise(
        "objects with the same fields can be converted",
        objects_with_the_same_fields_are_structured,
    ),
)
"""Promises that rely on written JSON."""
