"""Promises about writing: values become plain JSON, from which equal values can be read."""

from __future__ import annotations

from typing import Any

from trioflow._values.structure import type_name
from trioflow.testing._converters.bench import Bench, Promise, expect
from trioflow.testing._converters.each import of_each_value
from trioflow.testing._converters.values import shortened


def written_is_json(bench: Bench, type_: Any, value: Any) -> None:
    """Check that a value can be written, and to the same JSON each time."""
    written = bench.write(value)
    expect(bench.write(value), written, f"the second written form of {shortened(value)}")


def written_is_read_back(bench: Bench, type_: Any, value: Any) -> None:
    """Check that an engine reads what another one has written."""
    written = bench.write(value)
    back = bench.take(type_, written, bench.other)
    expect(back, value, f"{shortened(written)} read back as {type_name(type_)}")


PROMISES = (
    Promise("values are written as plain JSON", of_each_value(written_is_json)),
    Promise("written values are read back as equal values", of_each_value(written_is_read_back)),
)
