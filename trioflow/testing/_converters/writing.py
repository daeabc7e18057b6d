"""Promises about writing: plain JSON, from which an equal value can be read."""

from __future__ import annotations

from typing import Any

from trioflow._values.structure import type_name
from trioflow.testing._converters.bench import Bench, Promise, expect
from trioflow.testing._converters.each import of_each_value
from trioflow.testing._converters.values import shortened


def written_is_json(bench: Bench, type_: Any, value: Any) -> None:
    """Check that a value can be written, and alike each time."""
    written = bench.write(value)
    expect(bench.write(value), written, f"what {shortened(value)} is written as again")


def written_is_read_back(bench: Bench, type_: Any, value: Any) -> None:
    """Check that an engine reads what another has written."""
    written = bench.write(value)
    back = bench.take(type_, written, bench.other)
    expect(back, value, f"a {type_name(type_)} that was written as {shortened(written)}")


PROMISES = (
    Promise("what is written is plain JSON", of_each_value(written_is_json)),
    Promise("what is written is read back equal", of_each_value(written_is_read_back)),
)
